/** Figures that the operator's page follows over time. The page takes them from answers; a server keeps those of the last minutes. */
import type { InstanceStatus, StatusMetric } from "./status.ts";

/** The period that the charts show, in milliseconds. */
export const SPAN_MS = 300_000;

/** Figures of one answer, by name. */
export interface Figures {
  /** Values that only grow; the charts show their rates. */
  counters: Record<string, number>;
  /** Values that rise and fall. */
  levels: Record<string, number>;
}

/** The metric with this name; `undefined` before its first use. */
export function metricOf(
  { metrics }: Pick<InstanceStatus, "metrics">,
  name: string,
): StatusMetric | undefined {
  return metrics.find((metric) => metric.name === name);
}

/** The sum of a metric's series that have all of these labels. */
export function sumOf(
  status: Pick<InstanceStatus, "metrics">,
  name: string,
  labels: Record<string, string> = {},
): number {
  let sum = 0;
  for (const series of metricOf(status, name)?.series ?? []) {
    const fits = Object.entries(labels).every(([label, value]) => series.labels[label] === value);
    if (fits) sum += series.value;
  }
  return sum;
}

/** The metric that {@link storeCountsOf} reads. */
export const STORE_METRIC = "millrace_store_seconds";

/** The store's observations by operation and bucket. */
export function storeCountsOf(status: Pick<InstanceStatus, "metrics">): Record<string, readonly number[]> {
  const series = metricOf(status, STORE_METRIC)?.series ?? [];
  return Object.fromEntries(series.map(({ labels, counts }) => [labels.operation!, counts]));
}
