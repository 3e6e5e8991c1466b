/**
 * Every metric of GRASP: its name, type, help text and label values, and which happening counts where (O12).
 * @module
 */
import type { MetricDescription } from "../observe/metric-list.ts";
import type { MetricsRegistry } from "../observe/metrics.ts";
import { SHARES } from "./git/slots.ts";
import type { GraspHappening, LeftBecause } from "./happenings.ts";
import type { BoundName } from "./purgatory/bounds.ts";
import { STORES } from "./purgatory/entry.ts";
import { SYNC_METRICS } from "./purgatory-sync/metrics.ts";
import { PUSH_REASONS } from "./push-reason.ts";
import { RELAY_SYNC_METRICS } from "./relay-sync/metrics.ts";

const KINDS = ["announcement", "state", "pull_request", "other"] as const;
const BECAUSE: readonly LeftBecause[] = [
  "released",
  "replaced",
  "deleted",
  "expired",
  "withdrawn",
  "denied",
  "unauthorised",
  "failed",
];
const BOUND_NAMES: readonly BoundName[] = ["total", "author", "identifier", "address", "bytes", "repository"];
const PREFIXES = ["invalid", "blocked", "restricted", "rate-limited", "auth-required", "error"];
/** Requests for repositories. */
export const GIT_OPERATIONS = ["advertise_fetch", "fetch", "advertise_push", "push", "other"] as const;
export type GitOperation = (typeof GIT_OPERATIONS)[number];
export const STATUS_CLASSES = ["2xx", "3xx", "4xx", "5xx", "aborted"] as const;
/** Where an answer of Git came from (G32, G33). */
const CACHE_RESULTS = ["hit", "shared", "miss"] as const;
/** How the maintenance of a repository ended (O22). `put_off`: somebody used it, or there was no room. */
export const MAINTENANCE_RESULTS = ["done", "nothing", "put_off", "failed"] as const;
/** Repositories that are shown by size. */
export const LARGEST = 10;
const RANKS = Array.from({ length: LARGEST }, (_, i) => String(i + 1));
/** From a second to a day. */
const WAIT_BUCKETS = [1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 21_600, 86_400];
const LONG_BUCKETS = [0.01, 0.1, 1, 10, 60, 600, 3600, 21_600, 86_400];

export const METRICS: readonly MetricDescription[] = [
  { name: "grasp_connections_total", type: "counter", help: "WebSockets that were opened." },
  { name: "grasp_connections", type: "gauge", help: "Open WebSockets." },
  { name: "grasp_addresses", type: "gauge", help: "Addresses with an open WebSocket." },
  { name: "grasp_busy_addresses", type: "gauge", help: "Addresses with 10 open WebSockets or more." },
  { name: "grasp_subscriptions", type: "gauge", help: "Open subscriptions of all WebSockets." },
  {
    name: "grasp_connection_seconds",
    type: "histogram",
    help: "How long WebSockets were open.",
    buckets: LONG_BUCKETS,
  },
  {
    name: "grasp_messages_total",
    type: "counter",
    help: "Messages on WebSockets, by direction.",
    labels: { direction: ["in", "out"] },
  },
  {
    name: "grasp_events_received_total",
    type: "counter",
    help: "Events that were answered, by source (direct: a client, sync: another server) and outcome.",
    labels: { source: ["direct", "sync"], outcome: ["stored", "waits", "duplicate", "refused"] },
  },
  {
    name: "grasp_events_refused_total",
    type: "counter",
    help: "Events that were refused, by the prefix of the reason.",
    labels: { reason: PREFIXES },
  },
  {
    name: "grasp_events_total",
    type: "counter",
    help: "Events that were served for the first time, by kind.",
    labels: { kind: KINDS },
  },
  { name: "grasp_verification_seconds", type: "histogram", help: "Duration of a signature check." },
  {
    name: "grasp_git_requests_total",
    type: "counter",
    help: "Requests for repositories, by operation and class of status; aborted: the client left.",
    labels: { operation: GIT_OPERATIONS, status: STATUS_CLASSES },
  },
  {
    name: "grasp_git_seconds",
    type: "histogram",
    help: "Duration of requests for repositories until the end of the answer, by operation.",
    labels: { operation: GIT_OPERATIONS },
    buckets: LONG_BUCKETS,
  },
  {
    name: "grasp_git_bytes_total",
    type: "counter",
    help: "Bytes on the connections of requests for repositories, by direction (in: not counted by Bun).",
    labels: { direction: ["in", "out"] },
  },
  {
    name: "grasp_push_decisions_total",
    type: "counter",
    help: "Pushes that were answered, by reason: granted, or why not.",
    labels: { reason: PUSH_REASONS },
  },
  {
    name: "grasp_git_processes",
    type: "gauge",
    help: "Slots of the pool of Git processes in use, by share.",
    labels: { share: SHARES },
  },
  {
    name: "grasp_git_processes_waiting",
    type: "gauge",
    help: "Requests that wait for a slot of the pool, by share.",
    labels: { share: SHARES },
  },
  {
    name: "grasp_git_cache_total",
    type: "counter",
    help: "Answers of Git that may be kept, by result: hit, shared (with a request of the same time), or miss.",
    labels: { result: CACHE_RESULTS },
  },
  {
    name: "grasp_git_cache_bytes",
    type: "gauge",
    help: "Size of the answers that are kept, by place.",
    labels: { place: ["memory", "disk"] },
  },
  {
    name: "grasp_alignments_total",
    type: "counter",
    help: "Repositories whose refs were made equal to a state.",
  },
  { name: "grasp_release_failures_total", type: "counter", help: "Releases and alignments that failed." },
  {
    name: "grasp_purgatory_entries",
    type: "gauge",
    help: "What waits, by store.",
    labels: { store: STORES },
  },
  {
    name: "grasp_purgatory_oldest_seconds",
    type: "gauge",
    help: "Age of what waits longest, by store; 0: nothing waits.",
    labels: { store: STORES },
  },
  { name: "grasp_purgatory_bytes", type: "gauge", help: "Size of all that waits, as JSON." },
  {
    name: "grasp_purgatory_left_total",
    type: "counter",
    help: "Entries that left purgatory, by store and why.",
    labels: { store: STORES, because: BECAUSE },
  },
  {
    name: "grasp_purgatory_no_room_total",
    type: "counter",
    help: "Entries that found no room in purgatory, by bound.",
    labels: { bound: BOUND_NAMES },
  },
  {
    name: "grasp_purgatory_soft_expired_total",
    type: "counter",
    help: "Announcements that lost their repository because no state came in time.",
  },
  {
    name: "grasp_purgatory_revived_total",
    type: "counter",
    help: "Announcements that got their repository back.",
  },
  {
    name: "grasp_purgatory_wait_seconds",
    type: "histogram",
    help: "How long events waited until they were served.",
    buckets: WAIT_BUCKETS,
  },
  { name: "grasp_repair_checks_total", type: "counter", help: "Hourly checks of served repositories." },
  { name: "grasp_repair_repaired_total", type: "counter", help: "Checks that found and repaired a fault." },
  {
    name: "grasp_repair_incomplete",
    type: "gauge",
    help: "Served repositories that lack objects, by their last check.",
  },
  {
    name: "grasp_repair_oldest_seconds",
    type: "gauge",
    help: "Age of the oldest of the repositories' last checks.",
  },
  ...RELAY_SYNC_METRICS,
  {
    name: "grasp_maintenance_total",
    type: "counter",
    help: "Repositories that maintenance looked at, by result.",
    labels: { result: MAINTENANCE_RESULTS },
  },
  {
    name: "grasp_maintenance_seconds",
    type: "histogram",
    help: "Duration of the maintenance of a repository.",
    buckets: LONG_BUCKETS,
  },
  {
    name: "grasp_maintenance_freed_bytes_total",
    type: "counter",
    help: "Bytes of packs that were freed by deleting objects that nothing leads to.",
  },
  {
    name: "grasp_leftover_bytes_total",
    type: "counter",
    help: "Bytes of temporary files that killed Git processes had left in repositories, and that were removed.",
  },
  {
    name: "grasp_symbolic_links_total",
    type: "counter",
    help: "Symbolic links that were found in place of repositories. They are not served.",
  },
  { name: "grasp_repositories", type: "gauge", help: "Repositories on the disk." },
  {
    name: "grasp_repositories_created_total",
    type: "counter",
    help: "Repositories that were created.",
  },
  {
    name: "grasp_repositories_deleted_total",
    type: "counter",
    help: "Repositories that were deleted.",
  },
  {
    name: "grasp_largest_repository_bytes",
    type: "gauge",
    help: "Sizes of the ten largest repositories, by rank.",
    labels: { rank: RANKS },
  },
  { name: "grasp_repositories_bytes", type: "gauge", help: "Size of all repositories." },
  { name: "grasp_disk_free_bytes", type: "gauge", help: "Free bytes on the disk of the data directory." },
  {
    name: "grasp_database_bytes",
    type: "gauge",
    help: "Size of the database, by file: main, or wal (what is not yet in main).",
    labels: { file: ["main", "wal"] },
  },
  {
    name: "grasp_operator_refusals_total",
    type: "counter",
    help: "Requests with the operator's paths that were refused, by reason.",
    labels: { reason: ["missing", "wrong", "throttled", "read_only"] },
  },
  {
    name: "grasp_build_info",
    type: "gauge",
    help: "Always 1, with the versions of millrace, of Git and of the runtime.",
    labels: { version: [], commit: [], git: [], runtime: [] },
    isOpen: true,
  },
];

/** The same with those of the engine that fetches for purgatory. */
export const ALL_METRICS: readonly MetricDescription[] = [...METRICS, ...SYNC_METRICS];

/** Counts what happened. */
export function countHappening(
  metrics: Pick<MetricsRegistry, "count" | "observe">,
  happening: GraspHappening,
): void {
  switch (happening.kind) {
    case "judged":
      metrics.count("grasp_events_received_total", {
        source: happening.source,
        outcome: happening.outcome,
      });
      if (happening.reason !== null)
        metrics.count("grasp_events_refused_total", { reason: happening.reason });
      return;
    case "served":
      metrics.count("grasp_events_total", { kind: kindName(happening.event.kind) });
      if (happening.waitedMs !== null) {
        metrics.observe("grasp_purgatory_wait_seconds", happening.waitedMs / 1000);
      }
      return;
    case "left":
      metrics.count("grasp_purgatory_left_total", {
        store: happening.entry.store,
        because: happening.because,
      });
      return;
    case "no-room":
      metrics.count("grasp_purgatory_no_room_total", { bound: happening.bound });
      return;
    case "soft-expired":
      metrics.count("grasp_purgatory_soft_expired_total");
      return;
    case "revived":
      metrics.count("grasp_purgatory_revived_total");
      return;
    case "aligned":
      metrics.count("grasp_alignments_total");
      return;
    case "release-failed":
      metrics.count("grasp_release_failures_total");
      return;
    case "push-judged":
      metrics.count("grasp_push_decisions_total", { reason: happening.reason });
      return;
    case "repository-created":
      metrics.count("grasp_repositories_created_total");
      return;
    case "repository-deleted":
      metrics.count("grasp_repositories_deleted_total");
      return;
    case "waits":
      return;
  }
}

function kindName(kind: number): (typeof KINDS)[number] {
  if (kind === 30_617) return "announcement";
  if (kind === 30_618) return "state";
  return kind === 1618 || kind === 1619 ? "pull_request" : "other";
}
