/**
 * Lists of metrics: each service declares its metrics in one, and every series whose labels are known is there from the start.
 * @module
 */
import type { Labels } from "../platform.ts";
import type { MetricsRegistry, MetricType } from "./metrics.ts";

/** A metric before it has a value. */
export interface MetricDescription {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** The values of each label; the series are their product. Default: one series without labels. */
  readonly labels?: Readonly<Record<string, readonly string[]>>;
  /** The series, where they are no product of label values. */
  readonly series?: readonly Labels[];
  /** Upper bounds of a histogram, ascending, without `+Inf`. Default: 0.1 ms to 60 s. */
  readonly buckets?: readonly number[];
  /** Whether label values are known only later: no series exists before them. Default: false. */
  readonly isOpen?: boolean;
}

/** Describes metrics and starts their series. @throws {TypeError} if one has another type already. */
export function declareAll(
  metrics: Pick<MetricsRegistry, "describe" | "start">,
  list: readonly MetricDescription[],
): void {
  describeAll(metrics, list);
  startSeries(metrics, list);
}

/** Gives metrics their type and help text. @throws {TypeError} if one has another type already. */
export function describeAll(
  metrics: Pick<MetricsRegistry, "describe">,
  list: readonly MetricDescription[],
): void {
  for (const { name, type, help, buckets } of list) metrics.describe(name, help, type, buckets);
}

/** Starts every series with 0. The metrics are described already. */
export function startSeries(
  metrics: Pick<MetricsRegistry, "start">,
  list: readonly MetricDescription[],
): void {
  for (const { name, labels, series, isOpen = false } of list) {
    if (isOpen) continue;
    for (const one of series ?? product(labels ?? {})) metrics.start(name, one);
  }
}

/** Every combination of label values. */
function product(labels: Readonly<Record<string, readonly string[]>>): (Labels | undefined)[] {
  const names = Object.keys(labels);
  if (names.length === 0) return [undefined];
  return names.reduce<Labels[]>(
    (rows, name) => rows.flatMap((row) => labels[name]!.map((value) => ({ ...row, [name]: value }))),
    [{}],
  );
}
