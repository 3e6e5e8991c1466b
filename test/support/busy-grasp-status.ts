/**
 * The status of an invented GRASP service with many repositories, for the operator's page: every chart and table has data. It
 * is deterministic.
 * @module
 */
import { toNpub } from "../../runtime/grasp/npub.ts";
import type { StatusMetric } from "../../worker/admin/status.ts";
import type { GraspStatus, RelayStatus, WaitingStatus } from "../../worker/grasp/admin/status.ts";
import { grown, wave } from "./wave.ts";

const counter = (name: string, series: [labels: Record<string, string>, value: number][]): StatusMetric => ({
  name,
  type: "counter",
  bounds: [],
  series: series.map(([labels, value]) => ({ labels, value: Math.round(value), counts: [] })),
});

/** 64 hex digits that a number decides. */
const hex = (n: number) => ((n * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, "0").repeat(8);
const npub = (n: number) => toNpub(hex(n));
const MINUTE_MS = 60_000;

/** @param seconds since the service started */
export function busyGraspStatus(seconds: number): GraspStatus {
  const now = 1_750_000_000_000 + seconds * 1000;
  const events = grown(seconds, (s) => 3 + 5 * wave(s, 150));
  const released = grown(seconds, (s) => 0.4 + 0.5 * wave(s, 200, 3));
  const fetches = grown(seconds, (s) => 2 + 3 * wave(s, 130, 5));
  const pushes = grown(seconds, (s) => 0.3 + 0.4 * wave(s, 170, 9));
  const level = (most: number, shift: number) => Math.round(most * wave(seconds, 160, shift));
  const waiting: WaitingStatus[] = Array.from({ length: 6 }, (_, i) => entry(i, now));
  return {
    service: "grasp",
    instance: "9ra5b0b5",
    started_ms: now - seconds * 1000,
    now_ms: now,
    lives_between_requests: true,
    domain: "git.example.org",
    build: { version: "0.1.0", commit: "3f0b556", git: "2.47.1", runtime: "node" },
    connections: 180 + level(60, 1),
    subscriptions: 520 + level(200, 1),
    metrics: [
      counter("grasp_events_received_total", [
        [{ source: "direct", outcome: "stored" }, events * 0.6],
        [{ source: "direct", outcome: "waits" }, events * 0.12],
        [{ source: "sync", outcome: "duplicate" }, events * 0.2],
        [{ source: "sync", outcome: "refused" }, events * 0.08],
      ]),
      counter("grasp_events_refused_total", [
        [{ reason: "restricted" }, events * 0.05],
        [{ reason: "invalid" }, events * 0.02],
        [{ reason: "blocked" }, events * 0.01],
        [{ reason: "error" }, 0],
      ]),
      counter("grasp_purgatory_left_total", [
        [{ store: "state", because: "released" }, released],
        [{ store: "state", because: "expired" }, released * 0.1],
        [{ store: "announcement", because: "replaced" }, released * 0.2],
      ]),
      counter("grasp_git_requests_total", [
        [{ operation: "advertise_fetch", status: "2xx" }, fetches * 1.5],
        [{ operation: "fetch", status: "2xx" }, fetches],
        [{ operation: "push", status: "2xx" }, pushes],
        [{ operation: "fetch", status: "5xx" }, 0],
      ]),
      counter("grasp_push_decisions_total", [
        [{ reason: "granted" }, pushes * 0.8],
        [{ reason: "no_state" }, pushes * 0.15],
        [{ reason: "stale" }, pushes * 0.05],
      ]),
      counter("grasp_release_failures_total", [[{}, 0]]),
      counter("purgatory_sync_attempts_total", [[{}, released * 4]]),
      counter("purgatory_sync_completed_total", [[{}, released]]),
      counter("purgatory_sync_items_fetched_total", [[{}, released * 2.5]]),
      { ...counter("grasp_database_bytes", [[{ file: "main" }, 812_000_000]]), type: "gauge" },
    ],
    purgatory: {
      counts: { announcement: 3, state: 5 + level(8, 4), pr: 2 + level(3, 7), placeholder: 1 },
      oldest_ms: waiting[0]!.since_ms,
      entries: waiting,
      entries_left_out: 12,
    },
    sync: {
      queued: 7,
      domains: [
        domain("git.elsewhere.example", 3, 4, 0, 0),
        domain("codeberg.example", 5, 0, 18_000, 0),
        domain("slow.example", 0, 1, 260_000, 3),
      ],
      domains_left_out: 0,
    },
    relays: {
      tracked: 6,
      connected: 3,
      list: [
        relay("wss://broken-tls.example", { state: "avoided", health: "degraded", failures: 1 }, now, "tls"),
        relay("wss://gone.example", { state: "disconnected", health: "dead", failures: 14 }, now),
        relay("wss://half.example", { state: "connected-history-failed", health: "rate-limited" }, now),
        relay("wss://new.example", { state: "syncing", pending: 12, history_at_ms: null }, now),
        relay("wss://relay.elsewhere.example", { is_bootstrap: true, health: "stable" }, now),
        relay("wss://git.elsewhere.example", { health: "stable" }, now),
      ],
      list_left_out: 0,
      refused_hot: 4,
      refused_cold: 219,
    },
    repositories: {
      count: 1284,
      bytes: 38_400_000_000,
      newest: Array.from({ length: 6 }, (_, i) => ({
        owner: npub(i + 40),
        identifier: ["millrace", "gitworkshop", "a-compiler", "notes", "dotfiles", "site"][i]!,
        name: i % 2 === 0 ? "A longer name of it" : null,
        announced_ms: now - (i + 1) ** 3 * 7 * MINUTE_MS,
        bytes: i === 4 ? null : (i + 1) ** 4 * 312_000,
        repair: (["complete", "repaired", "complete", "incomplete", null, "complete"] as const)[i]!,
      })),
      repair: { checked: 1460, repaired: 3, incomplete: 1, oldest_ms: now - 48 * MINUTE_MS },
    },
    free_bytes: 412_000_000_000,
    git: {
      limit: 64,
      shares: [
        { share: "own", running: 1, waiting: 0 },
        { share: "push", running: level(6, 2), waiting: 0 },
        { share: "read", running: 8 + level(24, 5), waiting: level(4, 6) },
        { share: "fetch", running: level(9, 7), waiting: 0 },
        { share: "maintenance", running: 1, waiting: 0 },
      ],
      refused: 0,
    },
    recent: [
      ["info", "a push was granted", `npub ${npub(40)}, identifier millrace, reason granted`],
      [
        "debug",
        "an event left purgatory",
        `identifier millrace, npub ${npub(40)}, id 61c88646, kind 30618, source direct, because released`,
      ],
      [
        "warn",
        "an event left purgatory",
        `identifier notes, npub ${npub(43)}, id 9e3779b1, kind 30618, source direct, because expired`,
      ],
      ["error", "a release failed", "identifier dotfiles, id 3c6ef362, error the disk is full"],
      ["info", "a repository was created", `npub ${npub(41)}, identifier gitworkshop`],
    ].map(([level, message, details], i) => ({
      at_ms: now - (i + 1) ** 2 * 4000,
      level: level as GraspStatus["recent"][number]["level"],
      message: message!,
      details: details!,
    })),
  };
}

function entry(i: number, now: number): WaitingStatus {
  const since_ms = now - (26 - 4 * i) * MINUTE_MS;
  const store = (["state", "announcement", "pr", "state", "placeholder", "state"] as const)[i]!;
  const namesObjects = store === "state" || store === "pr";
  const missing = [2, null, 1, 14, null, null][i]!;
  return {
    store,
    id: hex(i + 1),
    identifiers: [["millrace", "a-compiler", "gitworkshop", "notes", "site", "dotfiles"][i]!],
    author: store === "placeholder" ? null : npub(i + 40),
    since_ms,
    until_ms: i === 1 ? now + 23 * 60 * MINUTE_MS : since_ms + 30 * MINUTE_MS,
    source: i % 2 === 0 ? "direct" : "sync",
    is_soft_expired: i === 1,
    is_queued: namesObjects,
    named: namesObjects ? 15 : 0,
    missing,
    missing_ids: missing === null ? [] : [hex(i + 20).slice(0, 40)],
    asked:
      namesObjects && i !== 5
        ? [
            {
              url: "https://git.elsewhere.example/npub/x.git",
              at_ms: now - (i + 1) * 41_000,
              outcome: i === 2 ? null : "empty",
              answer: i === 3 ? "the server answered 502" : null,
              objects: 0,
              times: 3,
            },
            {
              url: "https://other.example/x.git",
              at_ms: now - 200_000,
              outcome: "empty",
              answer: null,
              objects: 0,
              times: 1,
            },
          ]
        : [],
    asked_left_out: 0,
  };
}

function domain(name: string, inFlight: number, waiting: number, opensInMs: number, rests: number) {
  return {
    ...{ domain: name, max_concurrent: 5, max_per_minute: 30, in_flight: inFlight, waiting },
    ...{ remaining: 30 - 4 * inFlight - waiting, opens_in_ms: opensInMs, failures: rests, rests },
  };
}

function relay(
  url: string,
  fields: Partial<RelayStatus>,
  now: number,
  avoided_because: RelayStatus["avoided_because"] = null,
): RelayStatus {
  const isOff = fields.state === "avoided" || fields.state === "disconnected";
  return {
    ...{ url, is_bootstrap: false, state: "connected", health: "healthy", failures: 0, avoided_because },
    retry_at_ms: isOff ? now + 5 * 60 * MINUTE_MS : null,
    history_at_ms: now - 187 * MINUTE_MS,
    ...{ pending: 0, subscriptions: isOff ? 0 : 4, identifiers: 9 },
    ...fields,
  };
}
