/** The answers of the last five minutes, reduced to what the charts need. */
import { type Figures, SPAN_MS, storeCountsOf } from "../figures.ts";
import type { Past } from "../past.ts";
import type { InstanceStatus } from "../status.ts";

/** Maximum number of samples, at any polling interval. */
const MAX_SAMPLES = 400;

/**
 * The time that a rate is measured over, in milliseconds. The server's samples of the past are further apart than the page's: from
 * one to the next, a rare event would be a small peak in the past and a large one now.
 */
const RATE_MS = 12_000;

/** One answer, reduced to its figures. */
export interface Sample extends Figures {
  /** On the page's monotonic clock. */
  atMs: number;
  instance: string;
  /** The store's observations by operation and bucket. */
  store: Map<string, readonly number[]>;
}

/** One point of a line; `null` if the value is unknown. */
export interface Point {
  atMs: number;
  value: number | null;
}

/** Reduces an answer to a sample. @param figures the panel's figures of the same answer */
export function sampleOf(status: InstanceStatus, figures: Figures, atMs: number): Sample {
  return {
    atMs,
    instance: status.instance,
    ...figures,
    store: new Map(Object.entries(storeCountsOf(status))),
  };
}

/** The samples that the server kept, on the page's clock. @param nowMs when the answer came */
export function samplesOf({ instance, now_ms, samples }: Past, nowMs: number): Sample[] {
  return samples.map(({ at_ms, store, ...figures }) => ({
    atMs: nowMs - (now_ms - at_ms),
    instance,
    ...figures,
    store: new Map(Object.entries(store)),
  }));
}

/** Adds a sample and drops those older than the period. */
export function withSample(samples: readonly Sample[], sample: Sample): Sample[] {
  const kept = samples.filter(({ atMs }) => sample.atMs - atMs <= SPAN_MS);
  return [...kept, sample].slice(-MAX_SAMPLES);
}

/** The previous sample of the same instance. Counters of different instances cannot be compared. */
function previousOf(samples: readonly Sample[], index: number): Sample | undefined {
  for (let i = index - 1; i >= 0; i--) {
    if (samples[i]!.instance === samples[index]!.instance) return samples[i];
  }
  return undefined;
}

/**
 * The rate of a counter at each sample, over the last {@link RATE_MS} or since the sample before.
 * @param perMs the unit of time of the rate
 */
export function ratesOf(samples: readonly Sample[], counter: string, perMs: number): Point[] {
  /** The samples of each instance that are recent, with the growth of the counter since the instance's first sample. */
  const recent = new Map<string, { atMs: number; count: number; grown: number }[]>();
  return samples.map(({ atMs, counters, instance }) => {
    const before = recent.get(instance) ?? [];
    recent.set(instance, before);
    const count = counters[counter]!;
    const last = before.at(-1);
    const grown = last === undefined ? 0 : last.grown + Math.max(0, count - last.count);
    before.push({ atMs, count, grown });
    while (before.length > 2 && atMs - before[0]!.atMs > RATE_MS) before.shift();
    const [first] = before;
    if (atMs <= first!.atMs) return { atMs, value: null };
    return { atMs, value: ((grown - first!.grown) / (atMs - first!.atMs)) * perMs };
  });
}

/** The level at each sample. */
export function levelsOf(samples: readonly Sample[], level: string): Point[] {
  return samples.map(({ atMs, levels }) => ({ atMs, value: levels[level]! }));
}

/** The growth of a counter over all samples. */
export function growthOf(samples: readonly Sample[], counter: string): number {
  return samples.reduce((sum, { counters }, index) => {
    const before = previousOf(samples, index);
    return before === undefined ? sum : sum + Math.max(0, counters[counter]! - before.counters[counter]!);
  }, 0);
}

/** The store's operations over all samples, by operation and bucket. */
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

/** The last value of a line; `null` if it has none. */
export function lastOf(points: readonly Point[]): number | null {
  return points.at(-1)?.value ?? null;
}

/** The mean and the maximum of a line; `null` if it has no values. */
export function summaryOf(points: readonly Point[]): { mean: number; max: number } | null {
  const values = points.flatMap(({ value }) => (value === null ? [] : [value]));
  if (values.length === 0) return null;
  return { mean: values.reduce((sum, value) => sum + value, 0) / values.length, max: Math.max(...values) };
}

/** When the samples begin if they do not fill the whole period, on the samples' clock; `null` if they fill it. */
export function startOf(samples: readonly Sample[]): number | null {
  const [first] = samples;
  const last = samples.at(-1);
  if (first === undefined || last === undefined) return null;
  // The oldest sample of a full period is younger than the period by up to one poll.
  return last.atMs - first.atMs < SPAN_MS - START_TOLERANCE_MS ? first.atMs : null;
}

const START_TOLERANCE_MS = 10_000;
