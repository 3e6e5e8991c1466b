import { expect, test } from "vitest";
import { memoryStore } from "../../runtime/stores/memory.ts";
import { manualClock } from "../support/manual-clock.ts";

test("a full memory store refuses new entries with the reason and keeps its entries", async () => {
  const store = memoryStore({ clock: manualClock(), maxBytes: 10_000 });
  const value = "v".repeat(1000);
  for (const key of ["a", "b", "c", "d"]) expect((await store.put(key, value)).ok).toBe(true);
  await expect(store.put("e", value)).rejects.toThrow(
    /full: 4 entries fill its 10000 bytes; use another store/,
  );
  await expect(store.put("a", value.repeat(3))).rejects.toThrow(/full/);
  expect(await store.get("e")).toBeNull();
  expect((await store.get("a"))?.value).toBe(value);
  expect((await store.put("a", "less")).ok).toBe(true);
  expect((await store.put("e", value.slice(0, 700))).ok).toBe(true);
  await store.delete("b");
  expect((await store.put("f", value)).ok).toBe(true);
});

test("later writes free the room of expired entries", async () => {
  const clock = manualClock();
  const store = memoryStore({ clock, maxBytes: 1_000_000 });
  const value = "v".repeat(100);
  // Ten times the capacity in total, at most a third of it live at any time.
  for (let n = 0; n < 25_000; n++) {
    expect((await store.put(`key${n}`, value, { ttlSeconds: 60 })).ok).toBe(true);
    clock.advance(80);
  }
});
