/**
 * The metrics of purgatory sync (O12): those of the engine, with a prefix.
 * @module
 */
import type { MetricDescription } from "../../observe/metric-list.ts";
import { REFUSALS } from "../../sync/index.ts";

/** The prefix of the engine's metrics. */
export const SYNC_PREFIX = "purgatory_";

const metrics: readonly MetricDescription[] = [
  {
    name: "sync_queue_size",
    type: "gauge",
    help: "Identifiers that wait for Git data from other servers.",
  },
  { name: "sync_attempts_total", type: "counter", help: "Attempts to fetch what identifiers need." },
  { name: "sync_completed_total", type: "counter", help: "Identifiers that need nothing any more." },
  { name: "sync_expired_total", type: "counter", help: "Identifiers whose last waiting event expired." },
  {
    name: "sync_refused_total",
    type: "counter",
    help: "Identifiers that the queue refused, by reason.",
    labels: { reason: REFUSALS },
  },
  {
    name: "sync_items_fetched_total",
    type: "counter",
    help: "Object ids that were obtained from other servers.",
  },
  { name: "domain_in_flight", type: "gauge", help: "Running fetches, by server.", isOpen: true },
  {
    name: "domain_queue_size",
    type: "gauge",
    help: "Identifiers that wait for a server, by server.",
    isOpen: true,
  },
  {
    name: "domain_requests_total",
    type: "counter",
    help: "Fetches, by server and outcome.",
    isOpen: true,
  },
  { name: "domain_wait_seconds", type: "histogram", help: "How long identifiers wait for a server." },
];

/** Each metric. Series of servers come with the servers. */
export const SYNC_METRICS: readonly MetricDescription[] = metrics.map((metric) => ({
  ...metric,
  name: `${SYNC_PREFIX}${metric.name}`,
}));
