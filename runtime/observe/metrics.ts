/**
 * Counters, gauges and histograms, and their Prometheus text (format 0.0.4).
 * @module
 */
import type { Labels, Metrics } from "../platform.ts";

/** What a metric is. */
export type MetricType = "counter" | "gauge" | "histogram";

/** The registry behind the `Metrics` port. */
export interface MetricsRegistry extends Metrics {
  /**
   * Sets the type and the help text of a metric before it is used. Without this call a metric has no help text.
   * @param buckets upper bounds of a histogram, ascending, without `+Inf`. Default: 0.1 ms to 60 s.
   * @throws {TypeError} if the name is malformed or the metric has another type.
   */
  describe(name: string, help: string, type: MetricType, buckets?: readonly number[]): void;
  /** Makes a series with 0, so that it is there before its first use. The metric must be described. */
  start(name: string, labels?: Labels): void;
  /** One series of a counter, for hot paths: looked up once, then counted without a look-up. */
  counter(name: string, labels?: Labels): Counter;
  /** One series of a histogram, for hot paths: looked up once, then observed without a look-up. */
  histogram(name: string, labels?: Labels): Histogram;
  /** Calls `sample` before each reading, to set gauges to what they are now. */
  onRead(sample: () => void): void;
  /** All metrics as Prometheus text. */
  text(): string;
  /** All metrics as data, in the order of their first use. */
  snapshot(): MetricSnapshot[];
  /** Metrics by name with their latest values: no gauge is read again. Unknown names are left out. For frequent readings. */
  read(names: readonly string[]): MetricSnapshot[];
}

/** One series of a counter. */
export interface Counter {
  add(): void;
}

/** One series of a histogram. */
export interface Histogram {
  /** Adds an observation, in the unit at the end of the metric's name. */
  observe(value: number): void;
}

/** One metric as data. */
export interface MetricSnapshot {
  name: string;
  type: MetricType;
  help: string;
  /** Upper bounds of the buckets of a histogram, ascending, without `+Inf`. Empty for other types. */
  bounds: readonly number[];
  series: SeriesSnapshot[];
}

/** One time series of a metric. */
export interface SeriesSnapshot {
  labels: Labels;
  /** Value of a counter or gauge; sum of a histogram. */
  value: number;
  /** Observations of a histogram per bucket, not cumulative; the last bucket is `+Inf`. Empty for other types. */
  counts: number[];
}

/** The media type of {@link MetricsRegistry.text}. */
export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Maximum number of series of one metric. Further ones are folded into one series whose label values are all `other`. */
const MAX_SERIES = 200;
const OTHER = "other";
const FOLDED = "millrace_metrics_folded_total";

/** Seconds, from a tenth of a millisecond to a minute. */
const DEFAULT_BUCKETS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
/** Without `le`, which histograms use. */
const LABEL_NAME = /^(?!__|le$)[a-zA-Z_][a-zA-Z0-9_]*$/;

interface Metric {
  type: MetricType;
  help: string;
  buckets: readonly number[];
  /** The series without labels, if it was used: needs no look-up. */
  bare: SeriesSnapshot | null;
  /** The series with labels, by their text in braces. */
  labelled: Map<string, SeriesSnapshot>;
  /** The same series by the labels as given, without sorting and escaping. */
  shortcuts: Map<string, SeriesSnapshot>;
}

/** Creates an empty registry. Counting without labels allocates nothing. */
export function createMetrics(): MetricsRegistry {
  return new BoundedMetrics();
}

class BoundedMetrics implements MetricsRegistry {
  readonly #metrics = new Map<string, Metric>();
  readonly #samples: (() => void)[] = [];

  constructor() {
    this.#metricOf(FOLDED, "counter").help =
      "Measurements folded into label values of their own kind, to bound the series.";
  }

  count(name: string, labels?: Labels, by = 1): void {
    if (!(by >= 0)) throw new TypeError(`the counter ${name} cannot grow by ${by}`);
    this.#seriesOf(name, this.#metricOf(name, "counter"), labels).value += by;
  }

  gauge(name: string, value: number, labels?: Labels): void {
    this.#seriesOf(name, this.#metricOf(name, "gauge"), labels).value = value;
  }

  observe(name: string, value: number, labels?: Labels): void {
    const metric = this.#metricOf(name, "histogram");
    addTo(this.#seriesOf(name, metric, labels), metric.buckets, value);
  }

  histogram(name: string, labels?: Labels): Histogram {
    const metric = this.#metricOf(name, "histogram");
    const series = this.#seriesOf(name, metric, labels);
    return { observe: (value) => addTo(series, metric.buckets, value) };
  }

  onRead(sample: () => void): void {
    this.#samples.push(sample);
  }

  counter(name: string, labels?: Labels): Counter {
    const series = this.#seriesOf(name, this.#metricOf(name, "counter"), labels);
    return {
      add() {
        series.value++;
      },
    };
  }

  start(name: string, labels?: Labels): void {
    const metric = this.#metrics.get(name);
    if (metric === undefined) throw new TypeError(`the metric ${name} is not described`);
    this.#seriesOf(name, metric, labels);
  }

  describe(name: string, help: string, type: MetricType, buckets?: readonly number[]): void {
    this.#metricOf(name, type, buckets).help = help;
  }

  text(): string {
    return metricsText(this.snapshot());
  }

  snapshot(): MetricSnapshot[] {
    for (const sample of this.#samples) sample();
    return Array.from(this.#metrics, ([name, metric]) => snapshotOf(name, metric));
  }

  read(names: readonly string[]): MetricSnapshot[] {
    return names.flatMap((name) => {
      const metric = this.#metrics.get(name);
      return metric === undefined ? [] : [snapshotOf(name, metric)];
    });
  }

  #metricOf(name: string, type: MetricType, buckets: readonly number[] = DEFAULT_BUCKETS): Metric {
    let metric = this.#metrics.get(name);
    if (metric === undefined) {
      if (!NAME.test(name)) throw new TypeError(`"${name}" is not a metric name; expected ${NAME.source}`);
      metric = { type, help: "", buckets, bare: null, labelled: new Map(), shortcuts: new Map() };
      this.#metrics.set(name, metric);
    } else if (metric.type !== type) {
      throw new TypeError(`the metric ${name} is a ${metric.type}, not a ${type}`);
    }
    return metric;
  }

  #seriesOf(name: string, metric: Metric, labels: Labels | undefined): SeriesSnapshot {
    if (labels === undefined) {
      metric.bare ??= newSeries(metric, {});
      return metric.bare;
    }
    let shortcut = "";
    for (const label in labels) shortcut += `${label}\0${labels[label]}\0`;
    return metric.shortcuts.get(shortcut) ?? this.#labelledSeriesOf(name, metric, labels, shortcut);
  }

  #labelledSeriesOf(name: string, metric: Metric, labels: Labels, shortcut: string): SeriesSnapshot {
    const key = labelText(labels);
    if (key === "") return this.#seriesOf(name, metric, undefined);
    let series = metric.labelled.get(key);
    if (series === undefined && metric.labelled.size >= MAX_SERIES) {
      if (name !== FOLDED) this.count(FOLDED, { metric: name });
      const others = Object.fromEntries(Object.keys(labels).map((label) => [label, OTHER]));
      const folded = labelText(others);
      series = metric.labelled.get(folded) ?? newSeries(metric, others);
      metric.labelled.set(folded, series);
      return series;
    }
    series ??= newSeries(metric, { ...labels });
    metric.labelled.set(key, series);
    metric.shortcuts.set(shortcut, series);
    return series;
  }
}

function addTo(series: SeriesSnapshot, buckets: readonly number[], value: number): void {
  let i = 0;
  while (i < buckets.length && value > buckets[i]!) i++;
  series.counts[i]!++;
  series.value += value;
}

function newSeries({ type, buckets }: Metric, labels: Labels): SeriesSnapshot {
  const counts = type === "histogram" ? new Array<number>(buckets.length + 1).fill(0) : [];
  return { labels, value: 0, counts };
}

function snapshotOf(name: string, { type, help, buckets, bare, labelled }: Metric): MetricSnapshot {
  return {
    name,
    type,
    help,
    bounds: type === "histogram" ? buckets : [],
    series: [...(bare === null ? [] : [bare]), ...labelled.values()].map(copyOf),
  };
}

function copyOf({ labels, value, counts }: SeriesSnapshot): SeriesSnapshot {
  return { labels: { ...labels }, value, counts: [...counts] };
}

/** `{a="1",b="2"}`, sorted by name, so that equal label sets are one series. */
function labelText(labels: Labels): string {
  const pairs = Object.keys(labels)
    .sort()
    .map((name) => {
      if (!LABEL_NAME.test(name)) throw new TypeError(`"${name}" is not a label name`);
      return `${name}="${escapeValue(labels[name]!)}"`;
    });
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** Metrics as Prometheus text. */
export function metricsText(metrics: readonly MetricSnapshot[]): string {
  return metrics.map(metricText).join("");
}

function metricText({ name, type, help, bounds, series }: MetricSnapshot): string {
  let out = help === "" ? "" : `# HELP ${name} ${help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}\n`;
  out += `# TYPE ${name} ${type}\n`;
  for (const { labels: given, value, counts } of series) {
    const labels = labelText(given);
    if (type !== "histogram") {
      out += `${name}${labels} ${numberText(value)}\n`;
      continue;
    }
    let cumulative = 0;
    for (let i = 0; i < counts.length; i++) {
      cumulative += counts[i]!;
      const bound = i < bounds.length ? numberText(bounds[i]!) : "+Inf";
      out += `${name}_bucket${withBound(labels, bound)} ${cumulative}\n`;
    }
    out += `${name}_sum${labels} ${numberText(value)}\n${name}_count${labels} ${cumulative}\n`;
  }
  return out;
}

function withBound(labels: string, bound: string): string {
  return labels === "" ? `{le="${bound}"}` : `${labels.slice(0, -1)},le="${bound}"}`;
}

function escapeValue(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}
