/**
 * What the operator's page is told of a running service: its counters, and what the sync engine is doing.
 * @module
 */
import type { MetricType } from "../../../runtime/observe/metrics.ts";
import type { Labels } from "../../../runtime/platform.ts";
import type { Services } from "../services.ts";

/** So many domains are told of, the busiest; the others are a number. */
const MAX_DOMAINS = 50;

/** The answer of `GET /_ts/admin/status`. */
export interface Status {
  /** Which of several instances answered; its counters are its own. */
  instance: string;
  started_ms: number;
  now_ms: number;
  publisher: string;
  /** The kind of store. */
  store: string;
  /** False where the host may end an instance after any request, and the counters with it. */
  lives_between_requests: boolean;
  metrics: StatusMetric[];
  sync: { queued: number; domains: StatusDomain[]; domains_left_out: number };
  /** The tables of windows in memory, all together. */
  windows: { keys: number; max_keys: number; refused: number; bytes: number };
}

/** One metric that has been used. */
export interface StatusMetric {
  name: string;
  type: MetricType;
  /** Upper bounds of a histogram's buckets; empty unless one. */
  bounds: readonly number[];
  /** `value` is a histogram's sum, `counts` its observations by bucket, the last one past every bound. */
  series: { labels: Labels; value: number; counts: number[] }[];
}

/** One domain that the sync engine deals with now. */
export interface StatusDomain {
  domain: string;
  max_concurrent: number;
  max_per_minute: number;
  in_flight: number;
  waiting: number;
  /** Starts that its window had room for when last asked; `null`: not asked yet. */
  remaining: number | null;
  opens_in_ms: number;
  /** Failures in a row, and rests in a row because of failures. */
  failures: number;
  rests: number;
}

/** Reads the counters; touches neither the store nor the network. */
export function readStatus(services: Services): Status {
  const { config, store, clock, instance, metrics, livesBetweenRequests } = services;
  const { queued, domains } = services.inspectSync();
  const busiest = domains.sort((a, b) => b.inFlight + b.waiting - (a.inFlight + a.waiting));
  const tables = services.tables();
  const sumOf = (figure: "keys" | "maxKeys" | "refusedFull" | "bytes") =>
    tables.reduce((sum, view) => sum + view[figure], 0);
  return {
    instance,
    started_ms: services.startedMs,
    now_ms: clock.now(),
    publisher: config.publisher.domain,
    store: store.traits.name,
    lives_between_requests: livesBetweenRequests,
    metrics: metrics
      .snapshot()
      .filter(({ series }) => series.length > 0)
      .map(({ name, type, bounds, series }) => ({ name, type, bounds, series })),
    sync: {
      queued,
      domains: busiest.slice(0, MAX_DOMAINS).map((domain) => ({
        domain: domain.domain,
        max_concurrent: domain.maxConcurrent,
        max_per_minute: domain.maxPerMinute,
        in_flight: domain.inFlight,
        waiting: domain.waiting,
        remaining: domain.remaining,
        opens_in_ms: domain.opensInMs,
        failures: domain.failures,
        rests: domain.rests,
      })),
      domains_left_out: Math.max(0, domains.length - MAX_DOMAINS),
    },
    windows: {
      keys: sumOf("keys"),
      max_keys: sumOf("maxKeys"),
      refused: sumOf("refusedFull"),
      bytes: sumOf("bytes"),
    },
  };
}
