import { expect, test } from "vitest";
import { Queue } from "../../../../runtime/sync/queue.ts";
import { backoffMs, DELAYS_MS, EXPIRY_MS, TICK_MS } from "../../../../runtime/sync/schedule.ts";
import { engineModule } from "./engine-module.ts";
import { Harness } from "./harness.ts";

const NO_SOURCE = { "https://one.test/a": [] };

function newHarness(): Harness {
  const harness = new Harness(engineModule);
  harness.engine.start();
  return harness;
}

test("the delays, the expiry and the tick have their specified values", () => {
  expect(DELAYS_MS).toEqual({ default: 180_000, immediate: 500 });
  expect(EXPIRY_MS).toBe(30 * 60_000);
  expect(TICK_MS).toBe(1_000);
});

test("the waits after attempts are 20, 40, 80, 120, 120 seconds", async () => {
  expect([1, 2, 3, 4, 5, 6, 50].map((attempts) => backoffMs(attempts) / 1000)).toEqual([
    20, 40, 80, 120, 120, 120, 120,
  ]);
  const harness = newHarness();
  harness.needsFrom("a", ["x"], NO_SOURCE);
  harness.engine.enqueue("a", 0);
  await harness.clock.run(600_000);
  // A fetch takes 10 ms and the loop looks at whole seconds, so each wait ends a second later.
  expect(harness.startTimes("a")).toEqual([1, 22, 63, 144, 265, 386, 507]);
});

test("one entry per identifier, however many events arrive", async () => {
  const harness = newHarness();
  harness.needsFrom("a", ["x"], { "https://one.test/a": ["x"] });
  for (let i = 0; i < 50; i++) harness.engine.enqueue("a", 500);
  expect(harness.engine.inspect().queued).toBe(1);
  await harness.clock.run(5_000);
  expect(harness.starts.length).toBe(1);
});

test.for([
  [[180_000, 500], 1],
  [[500, 180_000], 1],
  [[180_000, 90_000, 120_000], 90],
] as const)("the earliest of several delays holds: %s", async ([delays, seconds]) => {
  const harness = newHarness();
  harness.needsFrom("a", ["x"], { "https://one.test/a": ["x"] });
  for (const delay of delays) harness.engine.enqueue("a", delay);
  await harness.clock.run(200_000);
  expect(harness.startTimes("a")).toEqual([seconds]);
});

test("a new event resets the backoff to 20 seconds", async () => {
  const harness = newHarness();
  harness.needsFrom("a", ["x"], NO_SOURCE);
  harness.engine.enqueue("a", 0);
  await harness.clock.run(150_000);
  expect(harness.startTimes("a")).toEqual([1, 22, 63, 144]);
  harness.engine.enqueue("a", DELAYS_MS.immediate);
  await harness.clock.run(100_000);
  expect(harness.startTimes("a").slice(4)).toEqual([151, 172, 213]);
});

test("a new event does not delay an attempt that is due earlier", async () => {
  const harness = newHarness();
  harness.needsFrom("a", ["x"], NO_SOURCE);
  harness.engine.enqueue("a", 0);
  await harness.clock.run(5_000);
  harness.engine.enqueue("a", DELAYS_MS.default);
  await harness.clock.run(40_000);
  expect(harness.startTimes("a")).toEqual([1, 22, 43]);
});

test("a fresh start during an attempt keeps its earlier time and the count at 0", async () => {
  const harness = newHarness();
  harness.behaviours.set("one.test", { kind: "serves", latencyMs: 10_000 });
  harness.needsFrom("a", ["x"], NO_SOURCE);
  harness.engine.enqueue("a", 0);
  await harness.clock.run(100_000);
  expect(harness.startTimes("a")).toEqual([1, 31, 81]);
  await harness.clock.run(75_000);
  // The fourth attempt lasts from 171 to 181, and 120 seconds would follow.
  harness.engine.enqueue("a", 500);
  await harness.clock.run(100_000);
  // At once, and then after 20 and 40 seconds again.
  expect(harness.startTimes("a")).toEqual([1, 31, 81, 171, 181, 211, 261]);
});

test("a fresh start during an attempt with a long delay waits only the first backoff", async () => {
  const harness = newHarness();
  harness.behaviours.set("one.test", { kind: "serves", latencyMs: 10_000 });
  harness.needsFrom("a", ["x"], NO_SOURCE);
  harness.engine.enqueue("a", 0);
  await harness.clock.run(5_000);
  harness.engine.enqueue("a", DELAYS_MS.default);
  await harness.clock.run(90_000);
  // The attempt ends at 11. The count is 0, so that the next wait is the first one again.
  expect(harness.startTimes("a")).toEqual([1, 31, 61]);
});

test("an event that arrives during the last look-up keeps the identifier queued", async () => {
  const harness = new Harness(engineModule, { lookMs: 100 });
  harness.engine.start();
  harness.needsFrom("a", ["x"], { "https://one.test/a": ["x", "y"] });
  harness.engine.enqueue("a", 0);
  // Looks until 1.3, fetches until 1.31, is asked whether anything is pending until 1.41.
  await harness.clock.run(1_350);
  harness.needsFrom("a", ["y"], {});
  harness.engine.enqueue("a", 500);
  await harness.clock.run(1_000);
  expect(harness.engine.inspect().queued).toBe(1);
  await harness.clock.run(5_000);
  expect(harness.needs.get("a")!.size).toBe(0);
  expect(harness.engine.inspect().queued).toBe(0);
});

test("an identifier without pending items is removed without a fetch", async () => {
  const harness = newHarness();
  harness.needsFrom("a", ["x"], NO_SOURCE);
  harness.engine.enqueue("a", 5_000);
  await harness.clock.run(4_000);
  harness.needs.get("a")!.clear();
  await harness.clock.run(2_000);
  expect(harness.starts).toEqual([]);
  expect(harness.engine.inspect().queued).toBe(0);
});

test("an identifier expires 30 minutes after its last arrival", async () => {
  const harness = newHarness();
  harness.needsFrom("a", ["x"], NO_SOURCE);
  harness.engine.enqueue("a", 0);
  await harness.clock.run(10 * 60_000);
  harness.engine.enqueue("a", 0);
  await harness.clock.run(30 * 60_000 - 1_000);
  expect(harness.engine.inspect().queued).toBe(1);
  await harness.clock.run(2_000);
  expect(harness.engine.inspect().queued).toBe(0);
  expect(harness.counts.get("sync_expired_total")).toBe(1);
  expect(harness.engineClock.timers).toBe(0);
});

test("extendExpiry guarantees a minimum and never shortens", async () => {
  const harness = newHarness();
  harness.needsFrom("a", ["x"], NO_SOURCE);
  harness.engine.enqueue("a", 0);
  expect(harness.engine.extendExpiry("unknown", 1)).toBe(false);
  expect(harness.engine.extendExpiry("a", 1_000)).toBe(true);
  await harness.clock.run(29 * 60_000);
  expect(harness.engine.inspect().queued).toBe(1);
  harness.engine.extendExpiry("a", 15 * 60_000);
  await harness.clock.run(15 * 60_000 - 1_000);
  expect(harness.engine.inspect().queued).toBe(1);
  await harness.clock.run(2_000);
  expect(harness.engine.inspect().queued).toBe(0);
});

test("an identifier expires even while its attempt hangs", async () => {
  const harness = new Harness(engineModule, { idleTimeoutMs: 40 * 60_000, totalTimeoutMs: 40 * 60_000 });
  harness.engine.start();
  harness.behaviours.set("one.test", { kind: "hangs" });
  harness.needsFrom("a", ["x"], NO_SOURCE);
  harness.engine.enqueue("a", 0);
  await harness.clock.run(31 * 60_000);
  expect(harness.counts.get("sync_expired_total")).toBe(1);
  expect(harness.engine.inspect()).toMatchObject({ queued: 0, domains: [{ inFlight: 1, waiting: 0 }] });
});

test("a full queue refuses and counts new identifiers; queued ones still get a fresh start", async () => {
  const harness = new Harness(engineModule, { maxQueued: 2 });
  expect(harness.engine.enqueue("a", 0)).toEqual({ admitted: false, reason: "stopped" });
  harness.engine.start();
  for (const identifier of ["a", "b"])
    expect(harness.engine.enqueue(identifier, 0)).toEqual({ admitted: true });
  expect(harness.engine.enqueue("c", 0)).toEqual({ admitted: false, reason: "full" });
  expect(harness.engine.enqueue("a", 0)).toEqual({ admitted: true });
  expect(harness.counts.get("sync_refused_total{reason=full}")).toBe(1);
  expect(harness.counts.get("sync_refused_total{reason=stopped}")).toBe(1);
  harness.engine.drop("b");
  expect(harness.engine.enqueue("c", 0)).toEqual({ admitted: true });
});

test.for([Number.NaN, -1, Number.POSITIVE_INFINITY])(
  "enqueue throws a RangeError for a delay of %s",
  (delay) => {
    const harness = newHarness();
    expect(() => harness.engine.enqueue("a", delay)).toThrow(RangeError);
  },
);

test("a clock set back an hour delays an attempt by at most a second; one set forward counts as elapsed time", async () => {
  const harness = newHarness();
  harness.needsFrom("a", ["x"], NO_SOURCE);
  harness.engine.enqueue("a", 5_000);
  await harness.clock.run(2_000);
  harness.clock.jump(-3_600_000);
  await harness.clock.run(5_000);
  expect(harness.startTimes("a")).toEqual([6]);
  harness.clock.jump(20_000);
  await harness.clock.run(2_000);
  expect(harness.startTimes("a")).toEqual([6, 8]);
});

test("due returns entries in order of time, and none before its time", () => {
  const queue = new Queue();
  for (const [identifier, delay] of [
    ["c", 30],
    ["a", 10],
    ["b", 20],
  ] as const)
    queue.add(identifier, 0, delay, 1_000);
  expect(queue.due(9)).toBeUndefined();
  const order: string[] = [];
  for (let entry = queue.due(25); entry; entry = queue.due(25)) {
    order.push(entry.identifier);
    queue.begin(entry);
  }
  expect(order).toEqual(["a", "b"]);
});
