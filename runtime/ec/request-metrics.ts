/**
 * The metrics that every request writes. Apart from the list of all metrics, which a host without the route for them does not need.
 * @module
 */
import type { MetricDescription } from "../observe/metric-list.ts";

/** The prefix of every metric, including those of the sync engine. */
export const METRICS_PREFIX = "millrace_";

/** Which handler answers. */
export const ROUTES = ["organic", "service", "api"] as const;
/** The classes of an answer's status, by its first digit. */
export const STATUS_CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;
export type StatusClass = (typeof STATUS_CLASSES)[number];
/** From 1 ms to 10 s. */
const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
/** Described before the first request: buckets cannot be changed later. */
export const REQUEST_SECONDS: MetricDescription = {
  name: "millrace_ec_request_seconds",
  type: "histogram",
  help: "Time until the head of the answer, by route and class of status.",
  labels: { route: ROUTES, status: STATUS_CLASSES },
  buckets: REQUEST_BUCKETS,
};
