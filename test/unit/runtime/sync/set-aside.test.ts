import { expect, test } from "vitest";
import { MAX_SET_ASIDE } from "../../../../runtime/sync/schedule.ts";
import { SetAside } from "../../../../runtime/sync/set-aside.ts";
import { engineModule } from "./engine-module.ts";
import { Harness } from "./harness.ts";

function newHarness(forMs: number | null): Harness {
  const harness = new Harness(engineModule);
  harness.engine.start();
  harness.needsFrom("a", ["x"], { "https://one.test/a": ["x"] });
  harness.behaviours.set("one.test", { kind: "refuses the source", latencyMs: 10, forMs });
  return harness;
}

test("SourceUnusable(null) sets a source aside until the identifier is enqueued again", async () => {
  const harness = newHarness(null);
  harness.engine.enqueue("a", 0);
  await harness.clock.run(10 * 60_000);
  expect(harness.startTimes("a")).toEqual([1]);
  harness.behaviours.set("one.test", { kind: "serves", latencyMs: 10 });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(2_000);
  expect(harness.startTimes("a")).toEqual([1, 601]);
  expect(harness.engine.inspect().queued).toBe(0);
});

test("SourceUnusable with a time sets a source aside for that time, whatever arrives", async () => {
  const harness = newHarness(24 * 3_600_000);
  harness.engine.enqueue("a", 0);
  await harness.clock.run(2_000);
  harness.engine.enqueue("a", 0);
  await harness.clock.run(60 * 60_000);
  expect(harness.startTimes("a")).toEqual([1]);
  await harness.clock.run(23 * 3_600_000);
  harness.engine.enqueue("a", 0);
  await harness.clock.run(2_000);
  expect(harness.starts.length).toBe(2);
});

test("SourceUnusable is no failure of the domain and concerns one identifier", async () => {
  const harness = newHarness(null);
  for (let i = 0; i < 8; i++) {
    harness.needsFrom(`i${i}`, ["x"], { "https://one.test/a": ["x"] });
    harness.engine.enqueue(`i${i}`, 0);
  }
  await harness.clock.run(5_000);
  expect(harness.starts.length).toBe(8);
  expect(harness.eventsOf("domain-rested")).toEqual([]);
  expect(harness.counts.get("domain_requests_total{domain=one.test,outcome=unusable}")).toBe(8);
});

test("a fresh start during the fetch ends SourceUnusable(null) before it begins", async () => {
  const harness = newHarness(null);
  harness.behaviours.set("one.test", { kind: "refuses the source", latencyMs: 5_000, forMs: null });
  harness.engine.enqueue("a", 0);
  await harness.clock.run(3_000);
  harness.engine.enqueue("a", 0);
  await harness.clock.run(10_000);
  expect(harness.starts.length).toBe(2);
});

test("drop forgets what was set aside, and the number of entries is bounded", () => {
  let now = 0;
  const setAside = new SetAside({ now: () => now });
  for (let i = 0; i <= MAX_SET_ASIDE; i++) setAside.add("a", `key-${i}`, 1_000 + i);
  expect(setAside.has("a", "key-0")).toBe(false);
  expect(setAside.has("a", "key-1")).toBe(true);
  now = 1_001;
  expect(setAside.has("a", "key-1")).toBe(false);
  expect(setAside.has("a", "key-2")).toBe(true);
  setAside.forget("a");
  expect(setAside.has("a", "key-2")).toBe(false);
});
