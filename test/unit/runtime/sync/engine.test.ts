import { expect, test } from "vitest";
import type { SyncSnapshot } from "../../../../runtime/sync/snapshot.ts";
import { engineModule } from "./engine-module.ts";
import { Harness, type HarnessOptions } from "./harness.ts";

function newHarness(options: HarnessOptions = {}): Harness {
  const harness = new Harness(engineModule, options);
  harness.clock.thorough = true;
  harness.engine.start();
  return harness;
}

/** Stops and lets time pass until that is done. */
async function stop(harness: Harness, timeoutMs?: number): Promise<SyncSnapshot & { tookMs: number }> {
  const begun = harness.clock.elapsed;
  let snapshot: SyncSnapshot | undefined;
  void harness.engine.stop(timeoutMs).then((answer) => {
    snapshot = answer;
  });
  await harness.clock.run(60_000, () => snapshot !== undefined);
  return { ...snapshot!, tookMs: harness.clock.elapsed - begun };
}

test("stop waits for running fetches and returns the queue", async () => {
  const harness = newHarness({ limits: { maxConcurrent: 1 } });
  harness.behaviours.set("one.test", { kind: "serves", latencyMs: 3_000 });
  for (const identifier of ["a", "b"]) {
    harness.needsFrom(identifier, ["x"], { [`https://one.test/${identifier}`]: ["x"] });
    harness.engine.enqueue(identifier, 0);
  }
  harness.needsFrom("c", ["x"], { "https://two.test/c": [] });
  harness.engine.enqueue("c", 180_000);
  await harness.clock.run(2_000);
  const { identifiers, domains, tookMs } = await stop(harness);
  // "a" starts at 1 and ends at 4.
  expect(tookMs).toBe(2_000);
  expect(harness.processed.map(({ identifier }) => identifier)).toEqual(["a"]);
  expect(domains).toEqual([]);
  expect(identifiers).toEqual([
    { identifier: "a", delayMs: 0, attempts: 0, expiresInMs: 1_796_000 },
    { identifier: "b", delayMs: 17_000, attempts: 1, expiresInMs: 1_796_000 },
    { identifier: "c", delayMs: 176_000, attempts: 0, expiresInMs: 1_796_000 },
  ]);
  expect(harness.engineClock.timers).toBe(0);
  await harness.clock.run(600_000);
  expect(harness.starts.length).toBe(1);
});

test("stop aborts hanging fetches after its timeout and does not wait for what ignores the signal", async () => {
  const harness = newHarness();
  harness.behaviours.set("one.test", { kind: "hangs" });
  harness.behaviours.set("two.test", { kind: "ignores the signal" });
  for (const [identifier, host] of [
    ["a", "one.test"],
    ["b", "two.test"],
  ] as const) {
    harness.needsFrom(identifier, ["x"], { [`https://${host}/`]: ["x"] });
    harness.engine.enqueue(identifier, 0);
  }
  harness.needsFrom("c", ["x"], { "https://three.test/": ["x"] });
  harness.context.process = () => new Promise(() => {});
  harness.engine.enqueue("c", 0);
  await harness.clock.run(2_000);
  const { identifiers, tookMs } = await stop(harness, 4_000);
  expect(tookMs).toBe(5_000);
  expect(harness.underWay.size).toBe(0);
  expect(harness.engineClock.timers).toBe(0);
  expect(identifiers.map(({ identifier }) => identifier)).toEqual(["a", "b", "c"]);
});

test("stop does not wait for a hanging look-up and leaves none of its timers", async () => {
  const harness = newHarness();
  harness.needsFrom("a", ["x"], { "https://one.test/": ["x"] });
  harness.context.sources = () => new Promise(() => {});
  harness.engine.enqueue("a", 0);
  await harness.clock.run(2_000);
  const { identifiers, tookMs } = await stop(harness, 4_000);
  expect(tookMs).toBe(4_000);
  expect(identifiers.map(({ identifier, delayMs }) => [identifier, delayMs])).toEqual([["a", 0]]);
  expect(harness.engineClock.timers).toBe(0);
});

test("an idle engine stops immediately, a second stop returns the same promise, and one that never ran returns nothing", async () => {
  const harness = newHarness();
  harness.engine.enqueue("a", 5_000);
  const [first, second] = [harness.engine.stop(), harness.engine.stop()];
  expect(first).toBe(second);
  expect((await first).identifiers.length).toBe(1);
  expect(await harness.newEngine().stop()).toEqual({ identifiers: [], domains: [] });
});

test("start continues from a snapshot with the remaining delays", async () => {
  const harness = newHarness();
  for (const identifier of ["a", "b"])
    harness.needsFrom(identifier, ["x"], { [`https://one.test/${identifier}`]: [] });
  harness.engine.enqueue("a", 0);
  harness.engine.enqueue("b", 100_000);
  await harness.clock.run(30_000);
  expect(harness.startTimes("a")).toEqual([1, 22]);
  const { tookMs, ...snapshot } = await stop(harness);
  expect(tookMs).toBe(0);
  await harness.clock.run(500_000);
  harness.engine = harness.newEngine();
  harness.engine.start(JSON.parse(JSON.stringify(snapshot)));
  await harness.clock.run(300_000);
  // "a" was due 32.01 s after the stop, after two attempts; "b" after 70 s. At 530 that continues.
  expect(harness.startTimes("a").slice(2)).toEqual([563, 644, 765]);
  expect(harness.startTimes("b")).toEqual([600, 621, 662, 743]);
  await harness.clock.run(30 * 60_000);
  expect(harness.counts.get("sync_expired_total")).toBe(2);
});

test("a rest survives a restart, for both reasons", async () => {
  const harness = newHarness({ limits: { maxPerMinute: 1_000 } });
  harness.behaviours.set("fails.test", { kind: "fails", latencyMs: 0 });
  harness.behaviours.set("limits.test", { kind: "limits", latencyMs: 0, retryAfterMs: 100_000 });
  for (let i = 0; i < 5; i++) {
    harness.needsFrom(`f${i}`, ["x"], { [`https://fails.test/${i}`]: ["x"] });
    harness.engine.enqueue(`f${i}`, 0);
  }
  harness.needsFrom("l", ["x"], { "https://limits.test/": ["x"] });
  harness.engine.enqueue("l", 0);
  await harness.clock.run(11_000);
  const snapshot = await stop(harness);
  expect(snapshot.domains).toEqual([
    { domain: "fails.test", rests: 1, restMs: 20_000, askedMs: 0 },
    { domain: "limits.test", rests: 0, restMs: 0, askedMs: 90_000 },
  ]);
  const before = harness.starts.length;
  for (const host of ["fails.test", "limits.test"])
    harness.behaviours.set(host, { kind: "serves", latencyMs: 0 });
  harness.engine.start(snapshot);
  await harness.clock.run(19_999);
  expect(harness.starts.length).toBe(before);
  await harness.clock.run(75_000);
  expect(harness.starts.at(-1)).toMatchObject({ domain: "limits.test", at: 101_000 });
  expect(harness.engine.inspect().queued).toBe(0);
});

test("start refuses and counts identifiers of a snapshot beyond maxQueued", () => {
  const harness = new Harness(engineModule, { maxQueued: 2 });
  const identifiers = ["a", "b", "c"].map((identifier) => ({
    identifier,
    delayMs: 0,
    attempts: 0,
    expiresInMs: 1,
  }));
  harness.engine.start({ identifiers, domains: [] });
  expect(harness.engine.inspect().queued).toBe(2);
  expect(harness.counts.get("sync_refused_total{reason=full}")).toBe(1);
});

test.for([
  [null, /snapshot\.identifiers/],
  [{ identifiers: {}, domains: [] }, /snapshot\.identifiers/],
  [{ identifiers: [] }, /snapshot\.domains/],
  [{ identifiers: [{ identifier: 7 }], domains: [] }, /identifiers\[0\]\.identifier/],
  [
    { identifiers: [{ identifier: "a", delayMs: -1, attempts: 0, expiresInMs: 0 }], domains: [] },
    /identifiers\[0\]\.delayMs/,
  ],
  [
    { identifiers: [], domains: [{ domain: "a", rests: 0, restMs: null, askedMs: 0 }] },
    /domains\[0\]\.restMs/,
  ],
] as const)("start throws on an invalid snapshot and the engine does not run: %j", ([snapshot, message]) => {
  const harness = new Harness(engineModule);
  expect(() => harness.engine.start(snapshot as never)).toThrow(message);
  expect(harness.engine.enqueue("a", 0)).toEqual({ admitted: false, reason: "stopped" });
});

test("start throws while the engine runs", () => {
  const harness = newHarness();
  expect(() => harness.engine.start()).toThrow(Error);
});

test("an engine with an empty queue has no timer", async () => {
  const harness = newHarness();
  expect(harness.engineClock.timers).toBe(0);
  harness.needsFrom("a", ["x"], { "https://one.test/": ["x"] });
  harness.engine.enqueue("a", 0);
  expect(harness.engineClock.timers).toBe(1);
  await harness.clock.run(3_000);
  expect(harness.engineClock.timers).toBe(0);
});

test("the loop starts a hundred attempts per batch, with a pause between batches", async () => {
  const harness = newHarness();
  for (let i = 0; i < 250; i++) {
    harness.needsFrom(`i${i}`, ["x"], { [`https://d${i}.test/`]: ["x"] });
    harness.engine.enqueue(`i${i}`, 0);
  }
  const begun: number[] = [];
  for (const ms of [1_000, 4, 1, 4, 1, 1_000]) {
    await harness.clock.run(ms);
    begun.push(harness.starts.length);
  }
  expect(begun).toEqual([100, 100, 200, 200, 250, 250]);
  expect(harness.processed).toHaveLength(250);
  expect(harness.engineClock.timers).toBe(0);
});
