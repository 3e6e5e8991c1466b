import { describe, expect, test } from "vitest";
import {
  type Filter,
  isUnbounded,
  matches,
  matchesNothing,
  readFilter,
} from "../../../../../runtime/grasp/events/filter.ts";

const [A, B] = ["a".repeat(64), "b".repeat(64)] as [string, string];
const event = {
  id: A,
  pubkey: B,
  created_at: 100,
  kind: 1617,
  tags: [["a", "30617:x:repo", "relay"], ["A", "other"], ["t", "one"], ["t", "two"], ["e"]],
  content: "",
  sig: "",
};
const filter = (given: object): Filter => {
  const read = readFilter(given);
  if ("fault" in read) throw new Error(read.fault);
  return read.filter;
};
const hits = (given: object) => matches(filter(given), event);

describe("matches (R17, R20)", () => {
  test.each<[object, boolean]>([
    [{}, true],
    [{ ids: [A] }, true],
    [{ ids: [B] }, false],
    [{ authors: [A, B] }, true],
    [{ kinds: [1] }, false],
    [{ kinds: [1, 1617] }, true],
    [{ since: 100, until: 100 }, true],
    [{ since: 101 }, false],
    [{ until: 99 }, false],
    [{ "#a": ["30617:x:repo"] }, true],
    [{ "#a": ["other"] }, false],
    [{ "#A": ["other"] }, true],
    [{ "#a": ["relay"] }, false],
    [{ "#t": ["two"] }, true],
    [{ "#t": ["two"], "#a": ["none"] }, false],
    [{ "#e": [""] }, false],
    [{ kinds: [] }, false],
    [{ limit: 0 }, true],
  ])("%j: %s", (given, expected) => {
    expect(hits(given)).toBe(expected);
  });
});

test.each<[string, unknown]>([
  ["a prefix of an id", { ids: ["a"] }],
  ["an upper-case key", { authors: ["A".repeat(64)] }],
  ["a kind as text", { kinds: ["1"] }],
  ["a negative time", { since: -1 }],
  ["a limit that is no integer", { limit: 1.5 }],
  ["a tag of two letters", { "#ab": ["x"] }],
  ["an unknown field", { kind: [1] }],
  ["__proto__", JSON.parse('{"__proto__": []}')],
  ["search", { search: "x" }],
  ["a list", []],
  ["2,001 values", { "#t": Array.from({ length: 2001 }, String) }],
])("readFilter refuses %s", (_name, given) => {
  expect(readFilter(given)).toHaveProperty("fault");
});

test("an empty list or a time span that ends before it begins matches nothing", () => {
  expect(
    [{ ids: [] }, { "#t": [] }, { since: 2, until: 1 }].map((given) => matchesNothing(filter(given))),
  ).toEqual([true, true, true]);
  expect(matchesNothing(filter({ since: 1, until: 1 }))).toBe(false);
});

test("a filter that names nothing is unbounded (R19)", () => {
  expect([{}, { since: 1 }, { kinds: [1] }].map((given) => isUnbounded(filter(given)))).toEqual([
    true,
    true,
    false,
  ]);
});
