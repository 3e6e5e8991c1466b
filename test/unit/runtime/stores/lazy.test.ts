import { expect, test } from "vitest";
import type { Store } from "../../../../runtime/platform.ts";
import { lazyStore } from "../../../../runtime/stores/lazy.ts";
import { memoryStore } from "../../../../runtime/stores/memory.ts";
import { manualClock } from "../../../support/manual-clock.ts";

function setUp(open = async (store: Store): Promise<Store> => store) {
  const inner = memoryStore({ clock: manualClock() });
  const counts = { opened: 0, closed: 0 };
  const store = lazyStore({
    traits: inner.traits,
    hasUpdate: false,
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

test("the first operation opens the store, once", async () => {
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

test("a failure to open rejects the operation, and the next operation tries again", async () => {
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

test("a store that is closed before its first operation is never opened", async () => {
  const { store, counts } = setUp();
  await store.close();
  await expect(store.get("a")).rejects.toThrow("the memory store is closed");
  expect(counts).toEqual({ opened: 0, closed: 0 });
});

test("close waits for the operation that opens the store", async () => {
  const { store, counts } = setUp();
  const [put] = await Promise.all([store.put("a", "1"), store.close()]);
  expect(put.ok).toBe(true);
  expect(counts).toEqual({ opened: 1, closed: 1 });
});

test("update exists exactly if the options say so", () => {
  const { traits } = memoryStore({ clock: manualClock() });
  const open = () => Promise.reject(new Error("not opened here"));
  expect(lazyStore({ traits, hasUpdate: false, open }).update).toBeUndefined();
  expect(lazyStore({ traits, hasUpdate: true, open }).update).toBeTypeOf("function");
});
