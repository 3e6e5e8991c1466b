/**
 * Metrics of the process that runs the services: build, memory, processor time, descriptors, and how late its event loop is.
 * Their names are those of Prometheus' client libraries.
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { declareAll, type MetricDescription } from "../../runtime/observe/metric-list.ts";
import type { MetricsRegistry } from "../../runtime/observe/metrics.ts";
import type { Clock } from "../../runtime/platform.ts";
import { monotonicClock } from "../../runtime/sync/index.ts";
import { VERSION } from "../version.ts";
import type { Spans } from "./spans.ts";

/** Interval of the event loop's measurement, in milliseconds. */
const EVERY_MS = 1000;
/** From 1 ms to 5 s. */
const DELAY_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

export const PROCESS_METRICS: readonly MetricDescription[] = [
  {
    name: "millrace_build_info",
    type: "gauge",
    help: "Always 1, with the versions of millrace and of the runtime.",
    labels: { version: [], runtime: [], runtime_version: [] },
    isOpen: true,
  },
  {
    name: "millrace_event_loop_delay_seconds",
    type: "histogram",
    help: "How late a timer fires that is set each second.",
    buckets: DELAY_BUCKETS,
  },
  {
    name: "millrace_spans_total",
    type: "counter",
    help: "Spans that the OpenTelemetry collector took, and spans that were lost because it did not.",
    labels: { outcome: ["sent", "dropped"] },
  },
  { name: "process_start_time_seconds", type: "gauge", help: "When the process started, since the epoch." },
  { name: "process_cpu_seconds_total", type: "counter", help: "Processor time, user and system." },
  { name: "process_resident_memory_bytes", type: "gauge", help: "Memory of the process that is resident." },
  {
    name: "process_open_fds",
    type: "gauge",
    help: "Open file descriptors, on Linux.",
    isOpen: true,
  },
  {
    name: "process_max_fds",
    type: "gauge",
    help: "Maximum number of open file descriptors, on Linux.",
    isOpen: true,
  },
];

/**
 * Adds the metrics of this process to a service's.
 * @param runtime name of the host
 * @param spans their numbers so far. Default: none are recorded.
 */
export function observeProcess(
  metrics: MetricsRegistry,
  runtime: string,
  clock: Clock,
  spans: Spans["counts"] = { sent: 0, dropped: 0 },
): void {
  declareAll(metrics, PROCESS_METRICS);
  metrics.gauge("millrace_build_info", 1, {
    version: VERSION,
    runtime,
    runtime_version: process.versions[runtime] ?? "unknown",
  });
  metrics.gauge("process_start_time_seconds", performance.timeOrigin / 1000);
  const maxFds = maxDescriptors();
  if (maxFds !== null) metrics.gauge("process_max_fds", maxFds);
  let counted = 0;
  const told = { sent: 0, dropped: 0 };
  metrics.onRead(() => {
    const { user, system } = process.cpuUsage();
    const seconds = (user + system) / 1_000_000;
    metrics.count("process_cpu_seconds_total", undefined, Math.max(0, seconds - counted));
    counted = Math.max(counted, seconds);
    for (const outcome of ["sent", "dropped"] as const) {
      metrics.count("millrace_spans_total", { outcome }, spans[outcome] - told[outcome]);
      told[outcome] = spans[outcome];
    }
    metrics.gauge("process_resident_memory_bytes", process.memoryUsage.rss());
    const openFds = openDescriptors();
    if (openFds !== null) metrics.gauge("process_open_fds", openFds);
  });
  watchEventLoop(metrics, clock);
}

/** Measures by how much a timer is late, again and again. Its timers do not keep the process alive. */
function watchEventLoop(metrics: MetricsRegistry, clock: Clock): void {
  const delays = metrics.histogram("millrace_event_loop_delay_seconds");
  const steady = monotonicClock(clock);
  const measure = (): void => {
    const dueMs = steady.now() + EVERY_MS;
    steady.after(EVERY_MS, () => {
      delays.observe(Math.max(0, steady.now() - dueMs) / 1000);
      measure();
    });
  };
  measure();
}

function openDescriptors(): number | null {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return null;
  }
}

function maxDescriptors(): number | null {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
    return line === null ? null : Number(line[1]);
  } catch {
    return null;
  }
}
