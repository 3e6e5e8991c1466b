import { expect, test } from "vitest";
import { type Entry, keyOf } from "../../../../../runtime/grasp/purgatory/entry.ts";
import { WaitingCopy } from "../../../../../runtime/grasp/replica/waiting-copy.ts";
import { author } from "../../../../support/nostr.ts";

const owner = author();
const entry = (identifier: string, deadlineMs = 2): Entry => ({
  store: "state",
  event: owner.sign(30618, [["d", identifier]], "", 100),
  identifier,
  arrivedMs: 1,
  deadlineMs,
  source: "direct",
  address: null,
});
const row = (one: Entry) => ({ key: keyOf(one), entry: JSON.stringify(one) });

test("a copy has what the journal has, and counts what changed", () => {
  const copy = new WaitingCopy();
  const [a, b] = [entry("a"), entry("b")];
  expect(copy.take([row(a), row(b)])).toBe(2);
  expect(copy.states("a")).toEqual([a]);
  expect(copy.identifiers().sort()).toEqual(["a", "b"]);
  expect(copy.hasOf(owner.key)).toBe(true);

  const kept = copy.states("b")[0];
  const later = { ...a, deadlineMs: 9 };
  expect(copy.take([row(later), row(b)])).toBe(1);
  expect(copy.states("a")).toEqual([later]);
  // What did not change is not read again.
  expect(copy.states("b")[0]).toBe(kept);

  expect(copy.take([row(b)])).toBe(1);
  expect(copy.states("a")).toEqual([]);
  expect(copy.take([])).toBe(1);
  expect(copy.all()).toEqual([]);
  expect(copy.take([])).toBe(0);
});
