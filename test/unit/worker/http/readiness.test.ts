/**
 * Health and readiness: health does not use the store; readiness reads and writes it.
 */
import { describe, expect, test } from "vitest";
import type { RateLimiter, Store } from "../../../../runtime/platform.ts";
import { memoryStore } from "../../../../runtime/stores/memory.ts";
import { createReadiness, type ReadinessOptions } from "../../../../worker/http/readiness.ts";
import { manualClock } from "../../../support/manual-clock.ts";
import { testService } from "../../../support/service.ts";

/** Readiness on a memory store that records its operations. */
function probed(change: Partial<ReadinessOptions> = {}, broken: Partial<Store> = {}) {
  const clock = manualClock();
  const memory = memoryStore({ clock });
  const asked = { put: 0, get: 0, take: 0 };
  const keys = new Set<string>();
  const store: Store = {
    ...memory,
    get(key) {
      asked.get++;
      return memory.get(key);
    },
    put(key, value, options) {
      asked.put++;
      keys.add(key);
      return memory.put(key, value, options);
    },
    ...broken,
  };
  const limiter: RateLimiter = {
    take(key) {
      asked.take++;
      keys.add(key);
      return { admitted: false, remaining: 0, retryAfterMs: 1 };
    },
  };
  const readiness = createReadiness({
    store,
    limiter,
    clock,
    livesBetweenRequests: true,
    nameInstance: () => "one",
    ...change,
  });
  return { readiness, clock, asked, keys, memory };
}

const never = () => new Promise<never>(() => {});
const failing = () => Promise.reject(new Error("READONLY"));

describe("readiness", () => {
  test("is ok if the store and the limiter can be read and written", async () => {
    const { readiness, asked } = probed();
    expect(await readiness.check()).toEqual({ status: "ok" });
    expect(asked).toEqual({ put: 1, get: 1, take: 1 });
  });

  test.each([
    ["the store can be read and not written", { put: failing }],
    ["the store can be written and not read", { get: failing }],
    ["the store does not return what was written", { get: async () => null }],
  ])("is not where %s", async (_what, broken) => {
    expect(await probed({}, broken).readiness.check()).toEqual({ status: "down", down: ["store"] });
  });

  test("names every part that is down", async () => {
    const { readiness } = probed({ limiter: { take: failing } }, { put: failing });
    expect(await readiness.check()).toEqual({ status: "down", down: ["store", "limiter"] });
  });

  test("counts a part without an answer in two seconds as down", async () => {
    const { readiness, clock } = probed({ limiter: { take: never } }, { put: never });
    const state = readiness.check();
    await Promise.resolve();
    clock.advance(2000);
    expect(await state).toEqual({ status: "down", down: ["store", "limiter"] });
  });

  test("probes at most once a second, with its own keys", async () => {
    const { readiness, clock, asked, keys, memory } = probed();
    for (let second = 0; second < 10; second++) {
      await Promise.all(Array.from({ length: 500 }, () => readiness.check()));
      await readiness.check();
      clock.advance(1000);
    }
    expect(asked).toEqual({ put: 10, get: 10, take: 10 });
    expect([...keys]).toEqual(["ready:one"]);
    clock.advance(60_000);
    expect((await memory.list("")).entries).toEqual([]);
  });

  test("probes again after the clock was set back", async () => {
    const { readiness, clock, asked } = probed();
    await readiness.check();
    clock.advance(-3_600_000);
    await readiness.check();
    expect(asked.put).toBe(2);
  });

  test("uses one shared entry if instances live for one request", async () => {
    const { readiness, clock, asked, memory } = probed({ livesBetweenRequests: false });
    const again = () =>
      createReadiness({
        store: {
          ...memory,
          put(...args) {
            asked.put++;
            return memory.put(...args);
          },
        },
        limiter: { take: () => ({ admitted: false, remaining: 0, retryAfterMs: 1 }) },
        clock,
        livesBetweenRequests: false,
        nameInstance: () => "never asked for",
      });
    await readiness.check();
    for (let n = 0; n < 200; n++) expect(await again().check()).toEqual({ status: "ok" });
    expect(asked.put).toBe(1);
    clock.advance(10_000);
    await again().check();
    expect(asked.put).toBe(2);
  });

  test("is draining after drain()", async () => {
    const { readiness } = probed();
    await readiness.check();
    readiness.drain();
    expect(await readiness.check()).toEqual({ status: "draining" });
  });
});

describe("the routes", () => {
  const answer = async (response: Response) => [response.status, await response.json()];

  test("health is 200 while the store is down, without using the store", async () => {
    const { ask, store } = testService();
    await ask("/_ts/health");
    store.asked.length = 0;
    store.mode = "hanging";
    expect(await answer(await ask("/_ts/health"))).toEqual([200, { status: "ok" }]);
    expect(store.asked).toEqual([]);
  });

  test("ready is 503 while the store cannot be written, and 200 afterwards", async () => {
    const { ask, store, clock } = testService();
    expect(await answer(await ask("/_ts/ready"))).toEqual([200, { status: "ok" }]);
    clock.advance(1000);
    store.before = (operation) => {
      store.mode = operation === "put" ? "down" : "sound";
    };
    expect(await answer(await ask("/_ts/ready"))).toEqual([503, { status: "down", down: ["store"] }]);
    store.before = () => {};
    store.mode = "sound";
    clock.advance(1000);
    expect(await answer(await ask("/_ts/ready"))).toEqual([200, { status: "ok" }]);
  });

  test("ready is 503 while the instance drains; health stays 200", async () => {
    const { ask, services } = testService();
    services.readiness.drain();
    expect(await answer(await ask("/_ts/ready"))).toEqual([503, { status: "draining" }]);
    expect((await ask("/_ts/health")).status).toBe(200);
  });

  test("both report a full table of windows without changing their status", async () => {
    const { ask } = testService({ maxKeys: 40 });
    for (let n = 0; n < 60; n++) await ask("/", { client: { ip: `192.0.2.${n}` } });
    for (const path of ["/_ts/health", "/_ts/ready"]) {
      expect(await answer(await ask(path))).toEqual([
        200,
        { status: "ok", full: expect.arrayContaining(["seen"]) },
      ]);
    }
  });
});
