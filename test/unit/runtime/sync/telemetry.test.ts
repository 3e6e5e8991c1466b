import { expect, test } from "vitest";
import { createLog } from "../../../../runtime/observe/log.ts";
import { createMetrics } from "../../../../runtime/observe/metrics.ts";
import { code } from "./code.ts";
import { Stage } from "./stage.ts";

test("the metrics say what happened, and the levels where it stands", async () => {
  const metrics = createMetrics();
  const stage = new Stage(code, { metrics, metricsPrefix: "purgatory_", limits: { maxConcurrent: 1 } });
  stage.engine.start();
  stage.behaviours.set("one.test", { kind: "serves", latencyMs: 1_500 });
  stage.behaviours.set("down.test", { kind: "fails", latencyMs: 10 });
  for (const identifier of ["a", "b"]) {
    stage.needsFrom(identifier, ["x", "y"], { [`https://one.test/${identifier}`]: ["x", "y"] });
    stage.engine.enqueue(identifier, 0);
  }
  stage.needsFrom("c", ["x"], { "https://down.test/c": [] });
  stage.engine.enqueue("c", 0);
  await stage.clock.run(2_100);
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
  await stage.clock.run(4_000);
  await stage.engine.stop();
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
  const stage = new Stage(code, { limits: { maxPerMinute: 1 } });
  stage.engine.start();
  for (const identifier of ["a", "b", "c"]) {
    stage.needsFrom(identifier, ["x"], { [`https://one.test/${identifier}`]: ["x"] });
    stage.engine.enqueue(identifier, 0);
  }
  await stage.clock.run(3_000);
  const levels = () =>
    ["sync_queue_size", "domain_queue_size{domain=one.test}"].map((name) => stage.gauges.get(name));
  expect(levels()).toEqual([2, 2]);
  const snapshot = await stage.engine.stop();
  expect(levels()).toEqual([0, 0]);
  stage.engine.start(snapshot);
  await stage.clock.run(22_000);
  expect(levels()).toEqual([2, 2]);
  await stage.clock.run(120_000);
  expect(levels()).toEqual([0, 0]);
});

test("the number of labels is bounded: what is beyond goes under one", async () => {
  const stage = new Stage(code);
  stage.engine.start();
  for (let i = 0; i < 500; i++) {
    stage.needsFrom(`i${i}`, ["x"], { [`https://d${i}.test/`]: ["x"] });
    stage.engine.enqueue(`i${i}`, 0);
  }
  await stage.clock.run(5_000);
  const requests = [...stage.counts].filter(([name]) => name.startsWith("domain_requests_total"));
  expect(requests.length).toBe(33);
  expect(requests.reduce((sum, [, count]) => sum + count, 0)).toBe(500);
  expect(stage.counts.get("domain_requests_total{domain=other,outcome=obtained}")).toBe(468);
  expect(stage.gauges.get("domain_in_flight{domain=other}")).toBe(0);
});

test("an identifier is logged by its first eight characters, a source by its domain", async () => {
  const lines: string[] = [];
  const stage = new Stage(code, { limits: { maxConcurrent: 1 } });
  const log = createLog({ level: "debug", write: (line) => lines.push(line), clock: stage.clock });
  stage.onLog = (level, message, fields) => log[level as "info"](message, fields);
  stage.engine.start();
  const identifiers = [1, 2, 3].map((n) => `${n}secret-${"identifier".repeat(6)}`);
  stage.behaviours.set("one.test", { kind: "serves", latencyMs: 2_000 });
  stage.behaviours.set("down.test", { kind: "fails", latencyMs: 1 });
  for (const identifier of identifiers) {
    const urls = { "https://down.test/private-path?token=t": [], [`https://one.test/${identifier}`]: ["x"] };
    stage.needsFrom(identifier, ["x"], urls);
    stage.engine.enqueue(identifier, 0);
  }
  await stage.clock.run(30_000);
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
