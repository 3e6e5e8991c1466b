import { expect, test } from "vitest";
import { createMetrics } from "../../../../runtime/observe/metrics.ts";
import { engineModule } from "./engine-module.ts";
import { Harness } from "./harness.ts";

test("counters and gauges follow the engine's events", async () => {
  const metrics = createMetrics();
  const harness = new Harness(engineModule, {
    metrics,
    metricsPrefix: "purgatory_",
    limits: { maxConcurrent: 1 },
  });
  harness.engine.start();
  harness.behaviours.set("one.test", { kind: "serves", latencyMs: 1_500 });
  harness.behaviours.set("down.test", { kind: "fails", latencyMs: 10 });
  for (const identifier of ["a", "b"]) {
    harness.needsFrom(identifier, ["x", "y"], { [`https://one.test/${identifier}`]: ["x", "y"] });
    harness.engine.enqueue(identifier, 0);
  }
  harness.needsFrom("c", ["x"], { "https://down.test/c": [] });
  harness.engine.enqueue("c", 0);
  await harness.clock.run(2_100);
  let text = metrics.text();
  for (const line of [
    "purgatory_sync_queue_size 3",
    "purgatory_sync_attempts_total 3",
    'purgatory_domain_in_flight{domain="one.test"} 1',
    'purgatory_domain_queue_size{domain="one.test"} 1',
    'purgatory_domain_in_flight{domain="down.test"} 0',
    'purgatory_domain_requests_total{domain="down.test",outcome="failed"} 1',
  ]) {
    expect(text.split("\n")).toContain(line);
  }
  await harness.clock.run(4_000);
  await harness.engine.stop();
  text = metrics.text();
  for (const line of [
    "purgatory_sync_queue_size 0",
    "purgatory_sync_completed_total 2",
    "purgatory_sync_items_fetched_total 4",
    'purgatory_domain_requests_total{domain="one.test",outcome="obtained"} 2',
    'purgatory_domain_in_flight{domain="one.test"} 0',
    'purgatory_domain_queue_size{domain="one.test"} 0',
    // "b" waited from 1 to 2.5.
    "purgatory_domain_wait_seconds_sum 1.5",
    "purgatory_domain_wait_seconds_count 1",
  ]) {
    expect(text.split("\n")).toContain(line);
  }
});

test("gauges are right after a stop and a start", async () => {
  const harness = new Harness(engineModule, { limits: { maxPerMinute: 1 } });
  harness.engine.start();
  for (const identifier of ["a", "b", "c"]) {
    harness.needsFrom(identifier, ["x"], { [`https://one.test/${identifier}`]: ["x"] });
    harness.engine.enqueue(identifier, 0);
  }
  await harness.clock.run(3_000);
  const levels = () =>
    ["sync_queue_size", "domain_queue_size{domain=one.test}"].map((name) => harness.gauges.get(name));
  expect(levels()).toEqual([2, 2]);
  const snapshot = await harness.engine.stop();
  expect(levels()).toEqual([0, 0]);
  harness.engine.start(snapshot);
  await harness.clock.run(22_000);
  expect(levels()).toEqual([2, 2]);
  await harness.clock.run(120_000);
  expect(levels()).toEqual([0, 0]);
});

test("domains beyond the 32nd share the label 'other'", async () => {
  const harness = new Harness(engineModule);
  harness.engine.start();
  for (let i = 0; i < 500; i++) {
    harness.needsFrom(`i${i}`, ["x"], { [`https://d${i}.test/`]: ["x"] });
    harness.engine.enqueue(`i${i}`, 0);
  }
  await harness.clock.run(5_000);
  const requests = [...harness.counts].filter(([name]) => name.startsWith("domain_requests_total"));
  expect(requests.length).toBe(33);
  expect(requests.reduce((sum, [, count]) => sum + count, 0)).toBe(500);
  expect(harness.counts.get("domain_requests_total{domain=other,outcome=obtained}")).toBe(468);
  expect(harness.gauges.get("domain_in_flight{domain=other}")).toBe(0);
});
