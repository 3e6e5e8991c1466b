import type { MetricType } from "../observe/metrics.ts";

/** A metric with the values of its labels. The series are the product of them; all exist from the start. */
export interface GraspMetric {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly labels?: Readonly<Record<string, readonly string[]>>;
  /** Upper bounds of a histogram. Default: 0.1 ms to 60 s. */
  readonly buckets?: readonly number[];
  /** Whether label values are known only later: no series exists before them. */
  readonly isOpen?: boolean;
}
