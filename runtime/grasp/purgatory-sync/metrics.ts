/**
 * The metrics of purgatory sync (O12): those of the engine, with a prefix.
 * @module
 */
import type { MetricDescription } from "../../observe/metrics.ts";

/** The prefix of the engine's metrics. */
export const SYNC_PREFIX = "purgatory_";

/** Each metric with its type and help text. */
export const SYNC_DESCRIPTIONS: readonly MetricDescription[] = (
  [
    ["sync_queue_size", "gauge", "Identifiers that wait for Git data from other servers."],
    ["sync_attempts_total", "counter", "Attempts to fetch what identifiers need."],
    ["sync_completed_total", "counter", "Identifiers that need nothing any more."],
    ["sync_expired_total", "counter", "Identifiers whose last waiting event expired."],
    ["sync_refused_total", "counter", "Identifiers that the queue refused, by reason."],
    ["sync_items_fetched_total", "counter", "Object ids that were obtained from other servers."],
    ["domain_in_flight", "gauge", "Running fetches, by server."],
    ["domain_queue_size", "gauge", "Identifiers that wait for a server, by server."],
    ["domain_requests_total", "counter", "Fetches, by server and outcome."],
    ["domain_wait_seconds", "histogram", "How long identifiers wait for a server."],
  ] as const
).map(([name, type, help]) => [`${SYNC_PREFIX}${name}`, type, help]);
