import { expect, test } from "vitest";
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import { RefusedIndex } from "../../../../../runtime/grasp/relay-sync/refused-index.ts";
import { event } from "../life/cast.ts";
import { FakeMemory, HOUR, SECOND } from "./world.ts";

const DAY = 24 * HOUR;
const settings = { refusedHotMs: 120 * SECOND, refusedColdMs: 7 * DAY };

function indexAt(memory = new FakeMemory()) {
  const clock = { ms: 1_800_000_000_000 };
  return { clock, memory, index: new RefusedIndex({ memory, settings, nowMs: () => clock.ms }) };
}

/** A refused state. Its id is not its hash. */
const refused = (n: number, author = "a", kind = 30618): NostrEvent => ({
  ...event(kind, author, [["d", "x"]], n),
  id: n.toString(16).padStart(64, "0"),
});

test("the event is kept 120 s, its id 7 days (L22)", () => {
  const { clock, index, memory } = indexAt();
  index.add(refused(1), "x", "wss://r");
  expect([index.find(refused(1).id), index.hot, index.cold]).toEqual(["hot", 1, 1]);
  clock.ms += 120 * SECOND;
  expect(index.find(refused(1).id)).toBe("cold");
  index.sweep();
  expect([index.hot, index.cold, memory.rows.get(refused(1).id)?.hot]).toEqual([0, 1, null]);
  clock.ms += 7 * DAY - 120 * SECOND;
  expect(index.find(refused(1).id)).toBeNull();
  index.sweep();
  expect([index.cold, memory.rows.size]).toEqual([0, 0]);
});

test("10,000 events are kept hot, the oldest become ids (L22)", () => {
  const { index } = indexAt();
  for (let n = 0; n < 10_050; n++) index.add(refused(n), "x", "wss://r");
  expect([index.hot, index.cold, index.find(refused(0).id), index.find(refused(50).id)]).toEqual([
    10_000,
    10_050,
    "cold",
    "hot",
  ]);
});

test("it survives a restart, with what is over by then left out (L22, L25)", () => {
  const first = indexAt();
  first.index.add(refused(1), "x", "wss://r");
  first.clock.ms += 7 * DAY - HOUR;
  first.index.add(refused(2), "x", "wss://r");
  const second = indexAt(first.memory);
  second.clock.ms = first.clock.ms + HOUR;
  second.index.sweep();
  expect([second.index.find(refused(1).id), second.index.find(refused(2).id)]).toEqual([null, "cold"]);
});

test("rows are taken by identifier and author, once (L24)", () => {
  const { index } = indexAt();
  index.add(refused(1, "a"), "x", "wss://r");
  index.add(refused(2, "b"), "x", "wss://r");
  index.add(refused(3, "a"), "y", "wss://r");
  expect(index.hasOf("x")).toBe(true);
  expect(index.take("x", new Set(["a", "c"])).map(({ id }) => id)).toEqual([refused(1).id]);
  expect([index.take("x", new Set(["a"])), index.cold, index.hasOf("z")]).toEqual([[], 2, false]);
});

test("it tells what a filter matches, for negentropy (L9)", () => {
  const { index } = indexAt();
  index.add(refused(1, "a"), "x", "wss://r");
  index.add(refused(2, "b", 30617), "y", "wss://r");
  const ids = (filter: Parameters<RefusedIndex["records"]>[0]) =>
    [...index.records(filter)].map(({ id }) => Number.parseInt(id, 16));
  const tags = new Map();
  expect(ids({ kinds: new Set([30617, 10317]), tags })).toEqual([2]);
  expect(ids({ kinds: new Set([30618]), tags: new Map([["d", new Set(["x", "y"])]]) })).toEqual([1]);
  expect(ids({ kinds: new Set([1]), tags })).toEqual([]);
  expect(ids({ authors: new Set(["b"]), tags })).toEqual([2]);
  expect(ids({ tags: new Map([["a", new Set(["x"])]]) })).toEqual([]);
  expect(ids({ kinds: new Set([30618]), since: refused(2).created_at, tags })).toEqual([]);
});

test("an identifier is known while one of its rows is, be it the first, the second or the last (L24)", () => {
  for (const order of [
    [1, 2, 3],
    [2, 1, 3],
    [3, 2, 1],
  ]) {
    const { index } = indexAt();
    expect(index.hasOf("x")).toBe(false);
    for (const n of [1, 2, 3]) index.add(refused(n), "x", "wss://r");
    index.add(refused(9), "y", "wss://r");
    index.add(refused(9), "y", "wss://r");
    const left: number[] = [];
    for (const n of order) {
      index.remove(refused(n).id);
      left.push([...index.records({ tags: new Map([["d", new Set(["x"])]]) })].length);
    }
    index.remove(refused(7).id);
    expect([left, index.hasOf("x"), index.hasOf("y")]).toEqual([[2, 1, 0], false, true]);
    index.remove(refused(9).id);
    expect([index.hasOf("y"), index.cold]).toEqual([false, 0]);
  }
});
