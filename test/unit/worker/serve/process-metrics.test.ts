import { expect, test } from "vitest";
import { createMetrics } from "../../../../runtime/observe/metrics.ts";
import { observeProcess } from "../../../../worker/serve/process-metrics.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const seriesOf = (metrics: ReturnType<typeof createMetrics>, name: string) =>
  metrics.snapshot().find((metric) => metric.name === name)!.series[0]!;

test("a process tells its build, memory and processor time when it is asked", () => {
  const metrics = createMetrics();
  observeProcess(metrics, "node", manualClock());
  const { labels } = seriesOf(metrics, "millrace_build_info");
  expect(labels).toEqual({
    version: expect.stringMatching(/^\d/),
    runtime: "node",
    runtime_version: process.versions.node,
  });
  expect(seriesOf(metrics, "process_resident_memory_bytes").value).toBeGreaterThan(1_000_000);
  const cpu = seriesOf(metrics, "process_cpu_seconds_total").value;
  expect(cpu).toBeGreaterThan(0);
  expect(seriesOf(metrics, "process_cpu_seconds_total").value).toBeGreaterThanOrEqual(cpu);
  expect(seriesOf(metrics, "process_start_time_seconds").value).toBeGreaterThan(1_600_000_000);
});

test("the event loop is measured each second", () => {
  const clock = manualClock();
  const metrics = createMetrics();
  observeProcess(metrics, "node", clock);
  for (let i = 0; i < 3; i++) clock.advance(1000);
  const { counts, value } = seriesOf(metrics, "millrace_event_loop_delay_seconds");
  expect([counts.reduce((sum, count) => sum + count, 0), value]).toEqual([3, 0]);
});
