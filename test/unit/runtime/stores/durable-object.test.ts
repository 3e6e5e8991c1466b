import { describe, expect, test } from "vitest";
import {
  type CallObject,
  durableObjectStore,
  type Entries,
  type EntriesObject,
  openEntries,
  spreadOver,
} from "../../../../runtime/stores/durable-object.ts";
import { storeContract } from "../../../contract/store.ts";
import { fakeObjectStorage } from "../../../support/fake-object-storage.ts";
import { manualClock } from "../../../support/manual-clock.ts";

/** Objects in this process, and the names of those that were called. */
function objects() {
  const clock = manualClock();
  const all = new Map<string, Entries>();
  const called: string[] = [];
  const call: CallObject<EntriesObject> = async (name, operation) => {
    called.push(name);
    let entries = all.get(name);
    if (entries === undefined) {
      entries = openEntries(fakeObjectStorage(), clock);
      all.set(name, entries);
    }
    const { get, put, delete: remove, list } = entries;
    return operation({
      get: async (key) => get(key),
      put: async (key, value, options) => put(key, value, options),
      delete: async (key) => remove(key),
      list: async (prefix, after, limit) => list(prefix, after, limit),
    });
  };
  return { call, called, clock };
}

describe.each(["ec:", "k", ""])("with the keys that begin with %j spread", (prefix) => {
  const cases = storeContract({
    traits: { name: "durable-object", readAfterWrite: true, durable: true, shared: true },
    open() {
      const { call, clock } = objects();
      const open = () => durableObjectStore({ call, spread: { prefix, objects: 5 } });
      return { store: open(), advance: clock.advance, again: open, dispose() {} };
    },
    // One key is in one object, however the others are spread.
    writers: prefix === "" ? 300 : 40,
  });

  test.each(cases)("$name", ({ run }) => run());
});

test("keys with the spread prefix are in several objects, other keys in one, and a listing asks only objects that may have matches", async () => {
  const { call, called } = objects();
  const store = durableObjectStore({ call, spread: { prefix: "ec:", objects: 3 } });
  for (let n = 0; n < 30; n++) await store.put(`ec:${n}`, "value");
  for (let n = 0; n < 30; n++) await store.put(`partner:${n}`, "value");
  expect(new Set(called)).toEqual(new Set(["store:ec:0", "store:ec:1", "store:ec:2", "store"]));
  const asked = async (prefix: string) => {
    called.length = 0;
    await store.list(prefix);
    return called.toSorted();
  };
  expect(await asked("partner:")).toEqual(["store"]);
  expect(await asked("ec:1")).toEqual(["store:ec:0", "store:ec:1", "store:ec:2"]);
  expect(await asked("e")).toEqual(["store", "store:ec:0", "store:ec:1", "store:ec:2"]);
});

test("a key always maps to the same object", () => {
  // Test vectors of FNV-1a, modulo the number of objects.
  expect(spreadOver(2 ** 32, "")).toBe(0x811c9dc5);
  expect(spreadOver(2 ** 32, "a")).toBe(0xe40c292c);
  expect(spreadOver(2 ** 32, "foobar")).toBe(0xbf9cf968);
  const counts = new Array(64).fill(0);
  for (let n = 0; n < 6400; n++) counts[spreadOver(64, `ec:${n.toString(16).padStart(64, "0")}.Abc123`)]++;
  expect(Math.max(...counts)).toBeLessThan(200);
  expect(Math.min(...counts)).toBeGreaterThan(30);
});

test("pages continue in SQLite's order of text, not in JavaScript's", async () => {
  const { call } = objects();
  const store = durableObjectStore({ call, spread: { prefix: "", objects: 4 } });
  // By UTF-16 code units the last two would come before the three before them.
  const keys = ["a", "a\ue000", "a\uffff", "a\uffffb", "b\uffff", "b\u{10000}", "b😀", "😀"];
  for (const key of keys.toReversed()) await store.put(key, "value");
  const listed: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await store.list("", { limit: 1, cursor });
    listed.push(...page.entries.map(({ key }) => key));
    cursor = page.cursor;
  } while (cursor !== null);
  expect(listed).toEqual(keys);
});

test("an object sets an alarm while entries can expire, and removes expired ones then", async () => {
  const clock = manualClock();
  const storage = fakeObjectStorage();
  const entries = openEntries(storage, clock);
  await entries.arm();
  expect(storage.alarmAtMs).toBe(clock.now() + 3_600_000);
  entries.put("short", "value", { ttlSeconds: 60 });
  entries.put("long", "value", { ttlSeconds: 86_400 });
  const first = storage.alarmAtMs!;
  clock.advance(3_600_000);
  await entries.sweep();
  expect(entries.list("", null, 10).map(({ key }) => key)).toEqual(["long"]);
  expect(storage.alarmAtMs).toBe(first + 3_600_000);
  clock.advance(86_400_000);
  await entries.sweep();
  expect(storage.alarmAtMs).toBe(first + 3_600_000);
  expect(entries.get("long")).toBeNull();
});
