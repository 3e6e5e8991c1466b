import { expect, test } from "vitest";
import { createLog } from "../../../../runtime/observe/log.ts";
import { createMetrics } from "../../../../runtime/observe/metrics.ts";
import { engineModule } from "./engine-module.ts";
import { Harness } from "./harness.ts";

test("the metrics say what happened, and the levels where it stands", async () => {
  const metrics = createMetrics();
  const harness = new Harness(engineModule, { metrics, metricsPrefix: "purgatory_", limits: { maxConcurrent: 1 } });
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

test("the levels survive a stop and a start", async () => {
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

test("the number of labels is bounded: what is beyond goes under one", async () => {
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

test("an identifier is logged by its first eight characters, a source by its domain", async () => {
  const lines: string[] = [];
  const harness = new Harness(engineModule, { limits: { maxConcurrent: 1 } });
  const log = createLog({ level: "debug", write: (line) => lines.push(line), clock: harness.clock });
  harness.onLog = (level, message, fields) => log[level as "info"](message, fields);
  harness.engine.start();
  const identifiers = [1, 2, 3].map((n) => `${n}secret-${"identifier".repeat(6)}`);
  harness.behaviours.set("one.test", { kind: "serves", latencyMs: 2_000 });
  harness.behaviours.set("down.test", { kind: "fails", latencyMs: 1 });
  for (const identifier of identifiers) {
    const urls = { "https://down.test/private-path?token=t": [], [`https://one.test/${identifier}`]: ["x"] };
    harness.needsFrom(identifier, ["x"], urls);
    harness.engine.enqueue(identifier, 0);
  }
  await harness.clock.run(30_000);
  const text = lines.join("\n");
  for (const message of [
    "is complete",
    "did not succeed",
    "waits for a domain",
    "gives a turn",
    "attempt begins",
  ]) {
    expect(text).toContain(message);
  }
  expect(text).toContain('"identifier":"1secret-"');
  expect(text).not.toContain("1secret-i");
  expect(text).not.toContain("private-path");
  const levels = new Map(lines.map((line) => JSON.parse(line)).map(({ level, message }) => [message, level]));
  expect(Object.fromEntries(levels)).toEqual({
    "an attempt begins": "debug",
    "an attempt ends": "debug",
    "an identifier waits for a domain": "debug",
    "a domain gives a turn": "debug",
    "an identifier leaves a domain": "debug",
    "a fetch did not succeed": "warn",
    "an identifier is complete": "info",
  });
});
