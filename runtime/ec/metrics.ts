/**
 * Every metric of the Edge Cookie: its name, type, help text and label values. Series of partners, domains and tables come with
 * them; every other series is there from the start.
 * @module
 */
import { declareAll, type MetricDescription } from "../observe/metric-list.ts";
import type { MetricsRegistry } from "../observe/metrics.ts";
import type { Labels } from "../platform.ts";
import { REFUSALS } from "../sync/index.ts";
import type { Finalization } from "./finalize.ts";
import { type ConsentReason, isPermission, type Jurisdiction } from "./request/consent.ts";
import { REQUEST_SECONDS, ROUTES } from "./request-metrics.ts";

const BRANCHES: readonly Finalization["branch"][] = [
  ...(["withdrawal", "denied", "returning", "new", "erasure", "anonymous"] as const),
];
const PROXY_FAULTS = [
  ...(["unreachable", "timeout", "broken_off", "upload_stalled", "download_stalled", "client_left"] as const),
];
const OPERATIONS = ["get", "put", "update", "delete", "list"] as const;

/** Why consent is decided, wherever the visitor is: an opt-out. */
const OPT_OUTS: readonly ConsentReason[] = [
  "gpc",
  "gpp_gpc",
  "gpp_sale_opt_out",
  "gpp_sharing_opt_out",
  "gpp_targeted_ads_opt_out",
  "us_privacy_opt_out",
];
const BY_SIGNALS: readonly ConsentReason[] = [
  "tcf_purpose1",
  "tcf_no_purpose1",
  "tcf_expired",
  "tcf_future",
  "tcf_no_disclosed_vendors",
  "no_usable_signal",
  "no_signal",
];
/** The further reasons of each jurisdiction. */
const REASONS: Readonly<Record<Jurisdiction, readonly ConsentReason[]>> = {
  gdpr: BY_SIGNALS,
  "us-state": [...BY_SIGNALS, "gpp_not_opted_out", "us_privacy_not_opted_out"],
  "non-regulated": ["non_regulated"],
  unknown: ["no_country"],
};
const CONSENT_SERIES: readonly Labels[] = Object.entries(REASONS).flatMap(([jurisdiction, reasons]) =>
  [...reasons, ...OPT_OUTS].map((reason) => ({
    jurisdiction,
    allowed: String(isPermission(reason)),
    reason,
  })),
);

export const METRICS: readonly MetricDescription[] = [
  {
    name: "millrace_ec_requests_total",
    type: "counter",
    help: "Requests answered, by route (organic: the site, service: /sync /identify /auction, api: below /_ts/) and branch of the finalization.",
    labels: { route: ROUTES, branch: BRANCHES },
  },
  REQUEST_SECONDS,
  {
    name: "millrace_ec_server_errors_total",
    type: "counter",
    help: "Requests that ended with a status of 500 or above or an exception, by route.",
    labels: { route: ROUTES },
  },
  {
    name: "millrace_ec_consent_total",
    type: "counter",
    help: "Consent decisions of organic and service requests, by jurisdiction, result and reason.",
    series: CONSENT_SERIES,
  },
  {
    name: "millrace_ec_minted_total",
    type: "counter",
    help: "Edge Cookie ids minted.",
  },
  {
    name: "millrace_ec_mint_refused_total",
    type: "counter",
    help: "Visits without an id because their address reached mintPerAddressPerHour.",
  },
  {
    name: "millrace_ec_no_address_total",
    type: "counter",
    help: "Visits without an id because the client's address is not known.",
  },
  {
    name: "millrace_ec_identify_total",
    type: "counter",
    help: "Answers of /identify, by outcome: ok, degraded, none (no id) or denied.",
    labels: { outcome: ["ok", "degraded", "none", "denied"] },
  },
  {
    name: "millrace_ec_auctions_total",
    type: "counter",
    help: "Auctions, by outcome.",
    labels: { outcome: ["identified", "anonymous", "failed", "timeout", "unreachable"] },
  },
  {
    name: "millrace_ec_pixel_syncs_total",
    type: "counter",
    help: "Pixel syncs, by partner and result.",
    isOpen: true,
  },
  {
    name: "millrace_ec_sync_pixels_total",
    type: "counter",
    help: "Pixels that /_ts/sync-pixels listed, by partner.",
    isOpen: true,
  },
  {
    name: "millrace_ec_page_ids_total",
    type: "counter",
    help: "Ids that pages brought in their cookies, by partner and outcome: written, known or denied.",
    isOpen: true,
  },
  {
    name: "millrace_ec_partner_requests_total",
    type: "counter",
    help: "Requests with a partner's API key, by partner and key: current, or previous (valid until the operator ends it).",
    isOpen: true,
  },
  {
    name: "millrace_ec_batch_mappings_total",
    type: "counter",
    help: "Mappings of batch uploads, by partner and outcome: accepted, or the reason of the refusal.",
    isOpen: true,
  },
  {
    name: "millrace_ec_deletions_total",
    type: "counter",
    help: "Identities deleted, by operator or visitor.",
    labels: { by: ["operator", "visitor"] },
  },
  {
    name: "millrace_operator_refusals_total",
    type: "counter",
    help: "Requests to the admin API that were refused, by reason.",
    labels: { reason: ["missing", "wrong", "throttled", "read_only"] },
  },
  {
    name: "millrace_ec_endings_refused_total",
    type: "counter",
    help: "Withdrawals and deletions refused to an address that ended too many ids of other addresses.",
    labels: { what: ["withdrawal", "deletion"] },
  },
  {
    name: "millrace_pull_sync_total",
    type: "counter",
    help: "Pulls, by partner and outcome: obtained, none (no id), failed, limited (by the partner), rate_limited (by the service), misconfigured.",
    isOpen: true,
  },
  {
    name: "millrace_proxy_faults_total",
    type: "counter",
    help: "Requests that the proxy could not complete, by fault: unreachable, timeout, broken_off (origin), upload_stalled, download_stalled, client_left (client).",
    labels: { fault: PROXY_FAULTS },
  },
  {
    name: "millrace_sync_queue_size",
    type: "gauge",
    help: "Identifiers in the sync engine.",
  },
  {
    name: "millrace_sync_attempts_total",
    type: "counter",
    help: "Attempts of the sync engine to fetch missing items.",
  },
  {
    name: "millrace_sync_completed_total",
    type: "counter",
    help: "Identifiers that left the sync engine complete.",
  },
  {
    name: "millrace_sync_items_fetched_total",
    type: "counter",
    help: "Items fetched from remote servers.",
  },
  {
    name: "millrace_sync_expired_total",
    type: "counter",
    help: "Identifiers that expired in the sync engine.",
  },
  {
    name: "millrace_sync_refused_total",
    type: "counter",
    help: "Identifiers that the sync engine refused, by reason.",
    labels: { reason: REFUSALS },
  },
  {
    name: "millrace_domain_in_flight",
    type: "gauge",
    help: "Requests to a domain in flight.",
    isOpen: true,
  },
  {
    name: "millrace_domain_queue_size",
    type: "gauge",
    help: "Identifiers in the queue of a domain.",
    isOpen: true,
  },
  {
    name: "millrace_domain_requests_total",
    type: "counter",
    help: "Completed requests to a domain, by outcome: obtained, empty, failed, timeout, limited or aborted.",
    isOpen: true,
  },
  {
    name: "millrace_domain_wait_seconds",
    type: "histogram",
    help: "Waiting time of identifiers in a domain's queue.",
  },
  {
    name: "millrace_window_keys",
    type: "gauge",
    help: "Keys in this instance's tables of rate-limit windows, by table.",
    isOpen: true,
  },
  {
    name: "millrace_window_max_keys",
    type: "gauge",
    help: "Maximum number of keys of those tables, by table.",
    isOpen: true,
  },
  {
    name: "millrace_window_takes_refused_full",
    type: "gauge",
    help: "Takes refused by a full table, by table: raise throttle.maxKeys.",
    isOpen: true,
  },
  {
    name: "millrace_window_table_full_total",
    type: "counter",
    help: "Takes that found a full table, by table.",
    isOpen: true,
  },
  {
    name: "millrace_store_seconds",
    type: "histogram",
    help: "Duration of store operations, by operation: get, put, update, delete or list.",
    labels: { operation: OPERATIONS },
  },
  {
    name: "millrace_store_errors_total",
    type: "counter",
    help: "Failed store operations, by operation.",
    labels: { operation: OPERATIONS },
  },
  {
    name: "millrace_faults_total",
    type: "counter",
    help: "Warnings and errors, by level, including repetitions that the log only counts.",
    labels: { level: ["warn", "error"] },
  },
];

/**
 * Gives every metric of the service its help text, and starts every series whose labels are known.
 * @throws {TypeError} if the registry has one of them under another type.
 */
export function describeMetrics(metrics: MetricsRegistry): void {
  declareAll(metrics, METRICS);
}
