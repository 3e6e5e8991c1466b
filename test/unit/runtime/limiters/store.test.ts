import { describe, expect, test } from "vitest";
import { storeLimiter } from "../../../../runtime/limiters/store.ts";
import type { Clock, Store } from "../../../../runtime/platform.ts";
import { memoryStore } from "../../../../runtime/stores/memory.ts";
import { limiterContract } from "../../../contract/limiter.ts";
import { manualClock } from "../../../support/manual-clock.ts";

/** Time moves only by `advance`; a pause ends at the next turn. */
function world() {
  const time = manualClock();
  const clock: Clock = {
    now: time.now,
    after(_delayMs, callback) {
      const timer = setImmediate(callback);
      return () => clearImmediate(timer);
    },
  };
  return { clock, store: memoryStore({ clock }), advance: time.advance };
}

describe("the contract, on a store in memory", () => {
  const cases = limiterContract({
    clockCanBeSetBack: true,
    open() {
      const { clock, store, advance } = world();
      return { limiter: storeLimiter(store, clock), advance, dispose() {} };
    },
  });
  test.each(cases)("$name", ({ run }) => run(), 60_000);
});

const rate = { limit: 10, windowMs: 60_000 };

/** A store whose operations take the given number of turns of the event loop. */
function slowed(store: Store, turns: () => number): Store {
  const wait = async () => {
    for (let left = turns(); left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    ...store,
    async get(key) {
      await wait();
      return store.get(key);
    },
    async put(key, value, options) {
      await wait();
      return store.put(key, value, options);
    },
  };
}

describe("several instances on one store", () => {
  test("never admit more than the limit together", async () => {
    const { clock, store } = world();
    let turn = 0;
    const limiters = Array.from({ length: 12 }, () =>
      storeLimiter(
        slowed(store, () => turn++ % 5),
        clock,
      ),
    );
    const asked = await Promise.all(
      Array.from({ length: 60 }, async (_, n) => {
        for (let left = n % 7; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
        return limiters[n % 12]!.take("key", rate);
      }),
    );
    const admitted = asked.filter((result) => result.admitted).length;
    expect(admitted).toBeGreaterThan(0);
    expect(admitted).toBeLessThanOrEqual(10);
    const stored = JSON.parse((await store.get("rate:key"))!.value) as number[];
    expect(stored).toHaveLength(admitted);
  });

  test("refuse a take if another instance wins every race", async () => {
    const { clock, store } = world();
    const crowded: Store = { ...store, put: async () => ({ ok: false }) };
    expect(await storeLimiter(crowded, clock).take("key", rate)).toEqual({
      admitted: false,
      remaining: 0,
      retryAfterMs: 1000,
    });
  });
});

describe("simultaneous takes", () => {
  test("share one read and one write", async () => {
    const { clock, store } = world();
    let [reads, writes] = [0, 0];
    const counted: Store = {
      ...store,
      get(key) {
        reads++;
        return store.get(key);
      },
      put(...args) {
        writes++;
        return store.put(...args);
      },
    };
    const limiter = storeLimiter(counted, clock);
    const results = await Promise.all(Array.from({ length: 21 }, () => limiter.take("key", rate)));
    expect(results.filter(({ admitted }) => admitted)).toHaveLength(10);
    // The first take runs alone, the others wait and share the next; the last of them are refused without a write.
    expect([reads, writes]).toEqual([2, 2]);
    await limiter.take("key", rate);
    expect([reads, writes]).toEqual([3, 2]);
  });

  test("all fail if the store fails, and the next may succeed", async () => {
    const { clock, store } = world();
    let down = true;
    const failing: Store = {
      ...store,
      get: async (key) => {
        if (down) throw new Error("the store is down");
        return store.get(key);
      },
    };
    const limiter = storeLimiter(failing, clock);
    const results = await Promise.allSettled([1, 2, 3].map(() => limiter.take("key", rate)));
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    down = false;
    expect((await limiter.take("key", rate)).admitted).toBe(true);
  });
});

test("the entry of a window expires when its last take leaves", async () => {
  const { clock, store, advance } = world();
  const limiter = storeLimiter(store, clock);
  await limiter.take("key", rate);
  advance(59_999);
  expect(await store.get("rate:key")).not.toBe(null);
  advance(1);
  expect(await store.get("rate:key")).toBe(null);
});
