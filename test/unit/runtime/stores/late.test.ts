import { expect, test } from "vitest";
import type { Store } from "../../../../runtime/platform.ts";
import { lateStore } from "../../../../runtime/stores/late.ts";
import { memoryStore } from "../../../../runtime/stores/memory.ts";
import { manualClock } from "../../../support/manual-clock.ts";

function setUp(open = async (store: Store): Promise<Store> => store) {
  const inner = memoryStore({ clock: manualClock() });
  const counts = { opened: 0, closed: 0 };
  const store = lateStore({
    traits: inner.traits,
    updates: false,
    open() {
      counts.opened++;
      return open({
        ...inner,
        async close() {
          counts.closed++;
        },
      });
    },
  });
  return { store, counts };
}

test("opens with the first operation, once", async () => {
  const { store, counts } = setUp();
  expect(store.traits.name).toBe("memory");
  expect(counts.opened).toBe(0);
  await Promise.all([store.put("a", "1"), store.put("b", "2")]);
  expect((await store.list("")).entries.map(({ key }) => key)).toEqual(["a", "b"]);
  await store.delete("a");
  expect(await store.get("a")).toBeNull();
  expect(counts.opened).toBe(1);
  await store.close();
  expect(counts.closed).toBe(1);
});

test("tells why it cannot be opened, and tries again with the next operation", async () => {
  let isBroken = true;
  const { store, counts } = setUp(async (inner) => {
    if (isBroken) throw new Error("no such folder");
    return inner;
  });
  const both = await Promise.allSettled([store.get("a"), store.put("a", "1")]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await expect(store.get("a")).rejects.toThrow("no such folder");
  expect(counts.opened).toBe(2);
  isBroken = false;
  await store.put("a", "1");
  expect((await store.get("a"))?.value).toBe("1");
  expect(counts.opened).toBe(3);
});

test("closed before it was opened, it stays so", async () => {
  const { store, counts } = setUp();
  await store.close();
  await expect(store.get("a")).rejects.toThrow("the memory store is closed");
  expect(counts).toEqual({ opened: 0, closed: 0 });
});

test("closed while it is being opened, it answers what was asked before", async () => {
  const { store, counts } = setUp();
  const [put] = await Promise.all([store.put("a", "1"), store.close()]);
  expect(put.ok).toBe(true);
  expect(counts).toEqual({ opened: 1, closed: 1 });
});

test("has update only where the store has it", () => {
  const { traits } = memoryStore({ clock: manualClock() });
  const open = () => Promise.reject(new Error("not opened here"));
  expect(lateStore({ traits, updates: false, open }).update).toBeUndefined();
  expect(lateStore({ traits, updates: true, open }).update).toBeTypeOf("function");
});
