/** What the page remembers of the answers it got: the last five minutes, and no more. */
import type { Status, StatusMetric } from "../../ec/admin/status.ts";

/** How far back the charts look. */
export const SPAN_MS = 300_000;
/** More answers than that are not kept, however quickly they come. */
const MAX_SAMPLES = 400;

/** What only ever grows; the charts show how fast. */
export type Counter = "organic" | "service" | "api" | "minted" | "serverErrors" | "storeErrors" | "faults";
/** What goes up and down. */
export type Level = "queued" | "inFlight";

/** One answer, cut down to what the charts need of it later. */
export interface Sample {
  /** On the page's own clock. */
  atMs: number;
  instance: string;
  counters: Record<Counter, number>;
  levels: Record<Level, number>;
  /** The store's observations by operation and bucket. */
  store: Map<string, readonly number[]>;
}

/** One point of a line; `null`: nothing is known there. */
export interface Point {
  atMs: number;
  value: number | null;
}

/** The metric of a name; `undefined` before its first use. */
export function metricOf({ metrics }: Status, name: string): StatusMetric | undefined {
  return metrics.find((metric) => metric.name === name);
}

/** The sum of a metric's series that have all of these labels. */
export function sumOf(status: Status, name: string, labels: Record<string, string> = {}): number {
  let sum = 0;
  for (const series of metricOf(status, name)?.series ?? []) {
    const fits = Object.entries(labels).every(([label, value]) => series.labels[label] === value);
    if (fits) sum += series.value;
  }
  return sum;
}

/** Cuts an answer down. */
export function sampleOf(status: Status, atMs: number): Sample {
  const requests = (route: string) => sumOf(status, "ec_requests_total", { route });
  return {
    atMs,
    instance: status.instance,
    counters: {
      organic: requests("organic"),
      service: requests("service"),
      api: requests("api"),
      minted: sumOf(status, "ec_minted_total"),
      serverErrors: sumOf(status, "ec_server_errors_total"),
      storeErrors: sumOf(status, "store_errors_total"),
      faults: sumOf(status, "faults_total"),
    },
    levels: {
      queued: status.sync.queued,
      inFlight: status.sync.domains.reduce((sum, domain) => sum + domain.in_flight, 0),
    },
    store: new Map(
      metricOf(status, "store_seconds")?.series.map(({ labels, counts }) => [labels.operation!, counts]),
    ),
  };
}

/** The samples so far with one more, without those that are too old. */
export function withSample(samples: readonly Sample[], sample: Sample): Sample[] {
  const kept = samples.filter(({ atMs }) => sample.atMs - atMs <= SPAN_MS);
  return [...kept, sample].slice(-MAX_SAMPLES);
}

/** The sample before this one by the same instance: counters of different instances say nothing about each other. */
function previousOf(samples: readonly Sample[], index: number): Sample | undefined {
  for (let i = index - 1; i >= 0; i--) {
    if (samples[i]!.instance === samples[index]!.instance) return samples[i];
  }
  return undefined;
}

/** How fast a counter grew, by sample. */
export function ratesOf(samples: readonly Sample[], counter: Counter, perMs: number): Point[] {
  return samples.map(({ atMs, counters }, index) => {
    const before = previousOf(samples, index);
    if (before === undefined || atMs <= before.atMs) return { atMs, value: null };
    const grown = Math.max(0, counters[counter] - before.counters[counter]);
    return { atMs, value: (grown / (atMs - before.atMs)) * perMs };
  });
}

/** A level, by sample. */
export function levelsOf(samples: readonly Sample[], level: Level): Point[] {
  return samples.map(({ atMs, levels }) => ({ atMs, value: levels[level] }));
}

/** How much a counter grew in all that is remembered. */
export function growthOf(samples: readonly Sample[], counter: Counter): number {
  return samples.reduce((sum, { counters }, index) => {
    const before = previousOf(samples, index);
    return before === undefined ? sum : sum + Math.max(0, counters[counter] - before.counters[counter]);
  }, 0);
}

/** The store's operations in all that is remembered, by operation and bucket. */
export function storeGrowth(samples: readonly Sample[]): Map<string, number[]> {
  const grown = new Map<string, number[]>();
  samples.forEach((sample, index) => {
    const before = previousOf(samples, index);
    for (const [operation, counts] of sample.store) {
      const sums = grown.get(operation) ?? counts.map(() => 0);
      grown.set(operation, sums);
      if (before === undefined) continue;
      const earlier = before.store.get(operation);
      for (let i = 0; i < counts.length; i++) sums[i]! += Math.max(0, counts[i]! - (earlier?.[i] ?? 0));
    }
  });
  return grown;
}

/** The last value of a line; `null` if it has none yet. */
export function lastOf(points: readonly Point[]): number | null {
  return points.at(-1)?.value ?? null;
}

/** The mean and the largest value of a line; `null` if it has none. */
export function summaryOf(points: readonly Point[]): { mean: number; max: number } | null {
  const values = points.flatMap(({ value }) => (value === null ? [] : [value]));
  if (values.length === 0) return null;
  return { mean: values.reduce((sum, value) => sum + value, 0) / values.length, max: Math.max(...values) };
}
