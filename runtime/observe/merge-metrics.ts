/**
 * The metrics of several processes as one.
 * @module
 */
import type { MetricSnapshot, SeriesSnapshot } from "./metrics.ts";

/** Maximum number of series of one metric, as in a registry: further ones are left out. */
const MOST_SERIES = 1000;

/**
 * The sum of several processes' metrics: counters, histograms and gauges are added. Of a gauge that says what or since when, the
 * largest or the earliest value counts.
 * @param parts the metrics of each process; the first ones decide the order.
 */
export function mergeMetrics(parts: readonly (readonly MetricSnapshot[])[]): MetricSnapshot[] {
  const merged = new Map<string, { metric: MetricSnapshot; byLabels: Map<string, SeriesSnapshot> }>();
  for (const metric of parts.flat()) {
    let sum = merged.get(metric.name);
    if (sum === undefined) {
      sum = { metric: { ...metric, series: [] }, byLabels: new Map() };
      merged.set(metric.name, sum);
    }
    if (sum.metric.help === "") sum.metric.help = metric.help;
    // Processes of two versions may differ in their buckets while one replaces the other.
    if (metric.bounds.length !== sum.metric.bounds.length) continue;
    for (const series of metric.series) addSeries(sum, series);
  }
  return [...merged.values()].map(({ metric }) => metric);
}

/** What remains of the metrics of a process that ended: what it counted, not what it held. */
export function countsOf(metrics: readonly MetricSnapshot[]): MetricSnapshot[] {
  return metrics.filter(({ type }) => type !== "gauge");
}

function addSeries(
  { metric, byLabels }: { metric: MetricSnapshot; byLabels: Map<string, SeriesSnapshot> },
  { labels, value, counts }: SeriesSnapshot,
): void {
  const key = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
  const sum = byLabels.get(key);
  if (sum === undefined) {
    if (byLabels.size >= MOST_SERIES) return;
    const copy = { labels, value, counts: [...counts] };
    byLabels.set(key, copy);
    metric.series.push(copy);
    return;
  }
  sum.value = metric.type === "gauge" ? gaugeOf(metric.name, sum.value, value) : sum.value + value;
  for (const [i, count] of counts.entries()) sum.counts[i]! += count;
}

function gaugeOf(name: string, a: number, b: number): number {
  if (name.endsWith("_info")) return Math.max(a, b);
  if (name.endsWith("_start_time_seconds")) return Math.min(a, b);
  return a + b;
}
