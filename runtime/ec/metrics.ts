/**
 * Every metric of the Edge Cookie: its name, its type and its help text.
 * @module
 */
import { describeAll, type MetricDescription, type MetricsRegistry } from "../observe/metrics.ts";

/** The prefix of every metric, including those of the sync engine. */
export const METRICS_PREFIX = "millrace_";

export const METRICS: readonly MetricDescription[] = [
  [
    "millrace_ec_requests_total",
    "counter",
    "Requests answered, by route (organic: the site, service: /sync /identify /auction, api: below /_ts/) and branch of the finalization.",
  ],
  [
    "millrace_ec_server_errors_total",
    "counter",
    "Requests that ended with a status of 500 or above or an exception, by route.",
  ],
  [
    "millrace_ec_consent_total",
    "counter",
    "Consent decisions of organic and service requests, by jurisdiction, result and reason.",
  ],
  ["millrace_ec_minted_total", "counter", "Edge Cookie ids minted."],
  [
    "millrace_ec_mint_refused_total",
    "counter",
    "Visits without an id because their address reached mintPerAddressPerHour.",
  ],
  [
    "millrace_ec_no_address_total",
    "counter",
    "Visits without an id because the client's address is not known.",
  ],
  [
    "millrace_ec_identify_total",
    "counter",
    "Answers of /identify, by outcome: ok, degraded, none (no id) or denied.",
  ],
  ["millrace_ec_auctions_total", "counter", "Auctions, by outcome."],
  ["millrace_ec_pixel_syncs_total", "counter", "Pixel syncs, by partner and result."],
  [
    "millrace_ec_partner_requests_total",
    "counter",
    "Requests with a partner's API key, by partner and key: current, or previous (valid until the operator ends it).",
  ],
  [
    "millrace_ec_batch_mappings_total",
    "counter",
    "Mappings of batch uploads, by partner and outcome: accepted, or the reason of the refusal.",
  ],
  ["millrace_ec_deletions_total", "counter", "Identities deleted, by operator or visitor."],
  [
    "millrace_ec_endings_refused_total",
    "counter",
    "Withdrawals and deletions refused to an address that ended too many ids of other addresses.",
  ],
  [
    "millrace_pull_sync_total",
    "counter",
    "Pulls, by partner and outcome: obtained, none (no id), failed, limited (by the partner), rate_limited (by the service), misconfigured.",
  ],
  [
    "millrace_proxy_faults_total",
    "counter",
    "Requests that the proxy could not complete, by fault: unreachable, timeout, broken_off (origin), upload_stalled, download_stalled, client_left (client).",
  ],
  ["millrace_sync_queue_size", "gauge", "Identifiers in the sync engine."],
  ["millrace_sync_attempts_total", "counter", "Attempts of the sync engine to fetch missing items."],
  ["millrace_sync_completed_total", "counter", "Identifiers that left the sync engine complete."],
  ["millrace_sync_items_fetched_total", "counter", "Items fetched from remote servers."],
  ["millrace_sync_expired_total", "counter", "Identifiers that expired in the sync engine."],
  ["millrace_sync_refused_total", "counter", "Identifiers that the sync engine refused, by reason."],
  ["millrace_domain_in_flight", "gauge", "Requests to a domain in flight."],
  ["millrace_domain_queue_size", "gauge", "Identifiers in the queue of a domain."],
  [
    "millrace_domain_requests_total",
    "counter",
    "Completed requests to a domain, by outcome: obtained, empty, failed, timeout, limited or aborted.",
  ],
  ["millrace_domain_wait_seconds", "histogram", "Waiting time of identifiers in a domain's queue."],
  ["millrace_window_keys", "gauge", "Keys in this instance's tables of rate-limit windows, by table."],
  ["millrace_window_max_keys", "gauge", "Maximum number of keys of those tables, by table."],
  [
    "millrace_window_takes_refused_full",
    "gauge",
    "Takes refused by a full table, by table: raise throttle.maxKeys.",
  ],
  ["millrace_window_table_full_total", "counter", "Takes that found a full table, by table."],
  [
    "millrace_store_seconds",
    "histogram",
    "Duration of store operations, by operation: get, put, update, delete or list.",
  ],
  ["millrace_store_errors_total", "counter", "Failed store operations, by operation."],
  [
    "millrace_faults_total",
    "counter",
    "Warnings and errors, by level, including repetitions that the log only counts.",
  ],
];

/**
 * Gives every metric of the service its help text.
 * @throws {TypeError} if the registry has one of them under another type.
 */
export function describeMetrics(metrics: MetricsRegistry): void {
  describeAll(metrics, METRICS);
}
