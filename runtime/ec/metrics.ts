/**
 * Every metric of the Edge Cookie service: its name, its type, and what it says.
 * @module
 */
import { describeAll, type MetricDescription, type MetricsRegistry } from "../observe/metrics.ts";

export const METRICS: readonly MetricDescription[] = [
  [
    "ec_requests_total",
    "counter",
    "Requests answered. route: organic (the site's own), service (/sync, /identify, /auction) or api (below /_ts/); branch: how the Edge Cookie was finalized.",
  ],
  [
    "ec_server_errors_total",
    "counter",
    "Requests that ended with a status of 500 or above, or with an exception, by route.",
  ],
  [
    "ec_consent_total",
    "counter",
    "Decisions on consent for organic and service requests, by jurisdiction and by whether an id was allowed.",
  ],
  ["ec_minted_total", "counter", "Edge Cookie ids minted."],
  [
    "ec_mint_refused_total",
    "counter",
    "Visits that got no id because their address has had mintPerAddressPerHour within an hour.",
  ],
  [
    "ec_no_address_total",
    "counter",
    "Visits that got no id only because the client's address was not known.",
  ],
  ["ec_identify_total", "counter", "Answers of /identify. outcome: ok, degraded, none (no id) or denied."],
  ["ec_auctions_total", "counter", "Auctions, by outcome."],
  ["ec_pixel_syncs_total", "counter", "Pixel syncs, by partner and result."],
  [
    "ec_batch_mappings_total",
    "counter",
    "Mappings of batch uploads, by partner and outcome: accepted, or the reason for which they were rejected.",
  ],
  ["ec_deletions_total", "counter", "Identities deleted, by who asked: operator or visitor."],
  [
    "ec_endings_refused_total",
    "counter",
    "Ids that other addresses minted and that were not ended for a sender who ended too many. what: withdrawal or deletion.",
  ],
  [
    "pull_sync_total",
    "counter",
    "Pulls, by partner and outcome: obtained, none (the partner has no id), failed, limited (by the partner), rate_limited (by us), misconfigured.",
  ],
  [
    "proxy_faults_total",
    "counter",
    "Requests that the proxy could not bring to their end. fault: unreachable, timeout or broken_off (the origin), upload_stalled, download_stalled or client_left (the client).",
  ],
  ["sync_queue_size", "gauge", "Identifiers that wait in the sync engine or are being worked on."],
  ["sync_attempts_total", "counter", "Attempts of the sync engine to get what identifiers lack."],
  ["sync_completed_total", "counter", "Identifiers that left the sync engine with nothing lacking."],
  ["sync_items_fetched_total", "counter", "Items that remote servers delivered."],
  ["sync_expired_total", "counter", "Identifiers given up because their time was over."],
  ["sync_refused_total", "counter", "Identifiers that the sync engine did not take, by reason."],
  ["domain_in_flight", "gauge", "Requests to a domain under way."],
  ["domain_queue_size", "gauge", "Identifiers that wait for a domain."],
  [
    "domain_requests_total",
    "counter",
    "Requests to a domain that ended. outcome: obtained, empty, failed, timeout, limited or aborted.",
  ],
  ["domain_wait_seconds", "histogram", "How long identifiers waited in a domain's queue for their turn."],
  ["window_keys", "gauge", "Keys in this instance's tables of throttle windows, by table."],
  ["window_max_keys", "gauge", "Keys for which those tables have room, by table."],
  [
    "window_takes_refused_full",
    "gauge",
    "Takes that found no room so far, by table: make throttle.maxKeys larger.",
  ],
  ["window_table_full_total", "counter", "Takes that found a table full, by table."],
  ["store_seconds", "histogram", "How long the store took, by operation: get, put, update, delete or list."],
  ["store_errors_total", "counter", "Operations that the store failed, by operation."],
  [
    "faults_total",
    "counter",
    "Warnings and errors of the service, by level, including repetitions that the log only counts.",
  ],
];

/**
 * Gives every metric of the service its help text.
 * @throws {TypeError} if the registry has one of them under another type.
 */
export function describeMetrics(metrics: MetricsRegistry): void {
  describeAll(metrics, METRICS);
}
