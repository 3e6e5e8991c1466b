/**
 * The part of a status that every service answers and that the shell of the operator's page shows.
 * @module
 */
import type { MetricType } from "../../runtime/observe/metrics.ts";
import type { Labels } from "../../runtime/platform.ts";

/** The state of one running service. A service adds fields of its own. */
export interface InstanceStatus {
  /** The service, for example `edge-cookie`. The page shows the panel with this name. */
  service: string;
  /** The instance that answered. Its counters are its own. */
  instance: string;
  started_ms: number;
  now_ms: number;
  /** False if the host may end an instance after any request. Its counters are then lost. */
  lives_between_requests: boolean;
  metrics: StatusMetric[];
}

/** One metric that has at least one series. */
export interface StatusMetric {
  name: string;
  type: MetricType;
  /** Upper bounds of a histogram's buckets; empty for other types. */
  bounds: readonly number[];
  /** For a histogram `value` is the sum and `counts` has the observations by bucket; the last bucket has no bound. */
  series: { labels: Labels; value: number; counts: number[] }[];
}
