import { expect, test } from "vitest";
import type { FetchOrigin } from "../../../../runtime/sync/index.ts";
import { engineModule } from "./engine-module.ts";
import { Harness, type HarnessOptions, type Start } from "./harness.ts";

const URL_A = "https://one.test/a";
const MINUTE_MS = 60_000;

/** A harness in which "a" needs an item that one URL has. */
function newHarness(options: HarnessOptions = {}): Harness {
  const harness = new Harness(engineModule, options);
  harness.engine.start();
  harness.needsFrom("a", ["x"], { [URL_A]: ["x"] });
  return harness;
}

test("process gets the source and the receipt of its own fetch", async () => {
  const origins: FetchOrigin<Start>[] = [];
  const harness = newHarness({
    mainPathConcurrency: 2,
    onProcess: (_identifier, _items, origin) => origins.push(origin),
  });
  harness.needsFrom("a", ["y"], { "https://two.test/a": ["y"] });
  harness.behaviours.set("one.test", { kind: "serves", latencyMs: 500 });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(3_000);
  expect(origins.map(({ source, receipt }) => [source.key, receipt?.source])).toEqual([
    ["https://two.test/a", "https://two.test/a"],
    [URL_A, URL_A],
  ]);
});

test("a fetch without progress ends after idleTimeoutMs, one with progress does not", async () => {
  const harness = newHarness({ idleTimeoutMs: 5_000 });
  harness.behaviours.set("one.test", { kind: "streams", everyMs: 4_000, times: 5 });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(25_000);
  expect(harness.processed).toEqual([{ at: 21_000, identifier: "a", items: ["x"] }]);
  harness.needs.get("a")!.add("x");
  harness.behaviours.set("one.test", { kind: "streams", everyMs: 5_001, times: 5 });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(6_001);
  expect(harness.eventsOf("fetch-ended").at(-1)).toMatchObject({ outcome: "timeout" });
});

test("a fetch ends after totalTimeoutMs whatever its progress", async () => {
  const harness = newHarness({ idleTimeoutMs: 5_000, totalTimeoutMs: 10_000 });
  harness.behaviours.set("one.test", { kind: "streams", everyMs: 1_000, times: 100 });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(10_999);
  expect(harness.underWay.size).toBe(1);
  await harness.clock.run(1);
  expect(harness.eventsOf("fetch-ended")).toMatchObject([{ outcome: "timeout" }]);
});

test("the default timeouts are 60 seconds without progress and 30 minutes in all", async () => {
  const harness = newHarness();
  harness.behaviours.set("one.test", { kind: "hangs" });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(61_000);
  expect(harness.eventsOf("fetch-ended")).toMatchObject([{ outcome: "timeout" }]);
  harness.behaviours.set("one.test", { kind: "streams", everyMs: 50_000, times: 100 });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(30 * MINUTE_MS);
  expect(harness.underWay.size).toBe(1);
  await harness.clock.run(2_000);
  expect(harness.eventsOf("fetch-ended").length).toBe(2);
});

test("progress prolongs the expiry at most once a minute and at most to 2 hours after the arrival", async () => {
  const harness = newHarness({ totalTimeoutMs: 5 * 3_600_000 });
  harness.behaviours.set("one.test", { kind: "streams", everyMs: 10_000, times: 2_000 });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(119 * MINUTE_MS);
  expect(harness.engine.inspect().queued).toBe(1);
  const { prolonged } = harness;
  const gaps = prolonged.slice(1).map(({ at }, index) => at - prolonged[index]!.at);
  expect(Math.min(...gaps)).toBe(MINUTE_MS);
  expect(prolonged[0]).toEqual({ at: 11_000, identifier: "a", forMs: 30 * MINUTE_MS });
  for (const { at, forMs } of prolonged) expect(at + forMs).toBeLessThanOrEqual(120 * MINUTE_MS);
  expect(harness.eventsOf("prolonged").length).toBe(prolonged.length);
  await harness.clock.run(MINUTE_MS + 1_000);
  expect(harness.eventsOf("expired")).toMatchObject([{ identifier: "a" }]);
});

test("anotherStart counts in the domain's window and returns false when it is full", async () => {
  const harness = newHarness({ limits: { maxPerMinute: 3 } });
  harness.behaviours.set("one.test", { kind: "needs more requests", latencyMs: 100, more: 2 });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(2_000);
  expect(harness.processed.length).toBe(1);
  expect(harness.takes.length).toBe(3);
  harness.needs.get("a")!.add("x");
  harness.engine.enqueue("a", 0);
  await harness.clock.run(55_000);
  expect(harness.starts.length).toBe(1);
  harness.behaviours.set("one.test", { kind: "needs more requests", latencyMs: 100, more: 3 });
  await harness.clock.run(30_000);
  expect(harness.eventsOf("fetch-ended").at(-1)).toMatchObject({ outcome: "failed" });
  expect(harness.takes.length).toBe(6);
});

test("anotherStart returns false after the fetch has ended", async () => {
  const harness = newHarness();
  const { fetch } = harness.context;
  let another: (() => Promise<boolean>) | undefined;
  harness.context.fetch = (identifier, source, items, call) => {
    another = call.anotherStart;
    return fetch(identifier, source, items, call);
  };
  harness.engine.enqueue("a", 0);
  await harness.clock.run(2_000);
  expect(await another!()).toBe(false);
  expect(harness.takes.length).toBe(1);
});

test("abortGraceMs is how long an aborted fetch counts as in flight", async () => {
  const harness = newHarness({ idleTimeoutMs: 2_000, abortGraceMs: 5_000 });
  harness.behaviours.set("one.test", { kind: "ignores the signal" });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(7_999);
  expect(harness.engine.inspect().domains).toMatchObject([{ inFlight: 1 }]);
  await harness.clock.run(2);
  expect(harness.engine.inspect().domains).toMatchObject([{ inFlight: 0 }]);
});

test("the keys of the limiter have the engine's prefix", async () => {
  const keys: string[] = [];
  const harness = newHarness({
    keyPrefix: "grasp:",
    limiter: {
      take(key) {
        keys.push(key);
        return { admitted: true, remaining: 1, retryAfterMs: 0 };
      },
    },
  });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(2_000);
  expect(keys).toEqual(["grasp:sync:one.test"]);
});

test("sources with the same URL and different keys are asked separately", async () => {
  const harness = newHarness();
  harness.context.sources = async () => ["first", "second"].map((key) => ({ url: URL_A, key }));
  harness.sources.get("a")!.set(URL_A, []);
  harness.engine.enqueue("a", 0);
  await harness.clock.run(3_000);
  expect(harness.eventsOf("fetch-started").map(({ source }) => source.key)).toEqual(["first", "second"]);
});
