/**
 * The status of an invented service with many visitors, for the operator's page: every chart has data. It is
 * deterministic.
 * @module
 */
import type { StatusMetric } from "../../worker/admin/status.ts";
import type { Status } from "../../worker/ec/admin/status.ts";
import { grown, wave } from "./wave.ts";

/** Upper bounds of the store's buckets, in seconds. */
const BOUNDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

const counter = (name: string, series: [labels: Record<string, string>, value: number][]): StatusMetric => ({
  name,
  type: "counter",
  bounds: [],
  series: series.map(([labels, value]) => ({ labels, value, counts: [] })),
});

/** Observations in a bell over the buckets around one of them. */
function bell(all: number, middle: number, width: number): number[] {
  const shape = Array.from({ length: BOUNDS.length + 1 }, (_, i) => Math.exp(-(((i - middle) / width) ** 2)));
  const sum = shape.reduce((a, b) => a + b, 0);
  return shape.map((part) => Math.round((part / sum) * all));
}

/** @param seconds since the service started */
export function busyStatus(seconds: number): Status {
  const now = 1_750_000_000_000 + seconds * 1000;
  const pages = grown(seconds, (s) => 180 + 240 * wave(s, 170));
  const calls = grown(seconds, (s) => 60 + 90 * wave(s, 110, 3));
  const minted = grown(seconds, (s) => 9 + 14 * wave(s, 170, 8));
  const errors = grown(seconds, (s) => (s % 97 > 90 ? 0.4 : 0));
  const pulls = (share: number) => Math.round(minted * share);
  const store = (operation: string, perSecond: number, middle: number, width: number) => ({
    labels: { operation },
    value: seconds * perSecond * 0.0004,
    counts: bell(seconds * perSecond, middle, width),
  });
  return {
    service: "edge-cookie",
    instance: "5eed1e55",
    started_ms: now - seconds * 1000,
    now_ms: now,
    publisher: "publisher.example",
    store: "sqlite",
    lives_between_requests: true,
    workers: 1,
    metrics: [
      counter("millrace_ec_requests_total", [
        [{ route: "organic", branch: "returning" }, pages - minted],
        [{ route: "organic", branch: "new" }, minted],
        [{ route: "service", branch: "returning" }, calls],
        [{ route: "api", branch: "denied" }, seconds * 6],
      ]),
      counter("millrace_ec_server_errors_total", [[{ route: "organic" }, errors]]),
      counter("millrace_store_errors_total", [[{ operation: "put" }, Math.round(errors / 3)]]),
      counter("millrace_faults_total", [
        [{ level: "warn" }, grown(seconds, (s) => (s % 61 > 55 ? 0.3 : 0.02))],
      ]),
      counter("millrace_ec_minted_total", [[{}, minted]]),
      counter("millrace_ec_consent_total", [
        [{ jurisdiction: "gdpr", allowed: "true" }, Math.round(pages * 0.38)],
        [{ jurisdiction: "gdpr", allowed: "false" }, Math.round(pages * 0.17)],
        [{ jurisdiction: "us-state", allowed: "true" }, Math.round(pages * 0.14)],
        [{ jurisdiction: "us-state", allowed: "false" }, Math.round(pages * 0.05)],
        [{ jurisdiction: "non-regulated", allowed: "true" }, Math.round(pages * 0.21)],
        [{ jurisdiction: "unknown", allowed: "false" }, Math.round(pages * 0.05)],
      ]),
      counter("millrace_pull_sync_total", [
        [{ partner: "amber-ids", outcome: "obtained" }, pulls(0.82)],
        [{ partner: "amber-ids", outcome: "none" }, pulls(0.11)],
        [{ partner: "amber-ids", outcome: "failed" }, pulls(0.02)],
        [{ partner: "northbank", outcome: "obtained" }, pulls(0.44)],
        [{ partner: "northbank", outcome: "none" }, pulls(0.31)],
        [{ partner: "northbank", outcome: "limited" }, pulls(0.12)],
        [{ partner: "old-mill-dsp", outcome: "obtained" }, pulls(0.3)],
        [{ partner: "old-mill-dsp", outcome: "rate_limited" }, pulls(0.09)],
        [{ partner: "stillwater", outcome: "failed" }, pulls(0.21)],
      ]),
      counter("millrace_sync_attempts_total", [[{}, Math.round(minted * 1.3)]]),
      counter("millrace_sync_completed_total", [[{}, Math.round(minted * 1.1)]]),
      counter("millrace_sync_expired_total", [[{}, Math.round(minted * 0.01)]]),
      {
        name: "millrace_store_seconds",
        type: "histogram",
        bounds: BOUNDS,
        series: [
          store("get", 420, 1.4, 1.5),
          store("put", 90, 3.2, 1.9),
          store("delete", 1, 3, 1),
          store("list", 2, 5, 1.2),
        ],
      },
    ],
    sync: {
      queued: Math.round(160 * wave(seconds, 140)),
      domains: [
        domain("ids.northbank.example", 12, 20, 64, 0, 8400, 0, 0),
        domain("pull.amber.example", 7, 20, 0, 612, 0, 0, 0),
        domain("sync.old-mill.example", 2, 5, 21, 18, 0, 1, 0),
        domain("api.stillwater.example", 0, 20, 33, 1170, 41_000, 5, 2),
      ],
      domains_left_out: 0,
    },
    windows: { keys: 48_210, max_keys: 1_000_000, refused: 0, bytes: 66_400_000 },
  };
}

function domain(
  name: string,
  inFlight: number,
  maxConcurrent: number,
  waiting: number,
  remaining: number,
  opensInMs: number,
  failures: number,
  rests: number,
): Status["sync"]["domains"][number] {
  return {
    domain: name,
    max_concurrent: maxConcurrent,
    max_per_minute: maxConcurrent === 5 ? 30 : 1200,
    in_flight: inFlight,
    waiting,
    remaining,
    opens_in_ms: opensInMs,
    failures,
    rests,
  };
}
