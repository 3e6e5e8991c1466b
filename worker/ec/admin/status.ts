/**
 * The answer of `GET /_ts/admin/status`: counters and the state of the sync engine.
 * @module
 */
import type { InstanceStatus } from "../../admin/status.ts";
import type { Services } from "../service.ts";

/** The service's name on the operator's page. */
export const EDGE_COOKIE = "edge-cookie";

/** Maximum number of domains in an answer, the busiest first. */
const MAX_DOMAINS = 50;

/** The answer of `GET /_ts/admin/status`. */
export interface Status extends InstanceStatus {
  /** The publisher's domain. */
  publisher: string;
  /** The kind of store. */
  store: string;
  sync: { queued: number; domains: StatusDomain[]; domains_left_out: number };
  /** Sums over all tables of rate-limit windows in memory. */
  windows: { keys: number; max_keys: number; refused: number; bytes: number };
}

/** One domain that the sync engine works with. */
export interface StatusDomain {
  domain: string;
  max_concurrent: number;
  max_per_minute: number;
  in_flight: number;
  waiting: number;
  /** Remaining starts in the window when it was last read; `null` before the first read. */
  remaining: number | null;
  opens_in_ms: number;
  /** Consecutive failures, and consecutive pauses because of failures. */
  failures: number;
  rests: number;
}

/** Reads the counters. Uses neither the store nor the network. */
export function readStatus(services: Services, instance: string): Status {
  const { config, store, clock, metrics, livesBetweenRequests } = services;
  const { queued, domains } = services.inspectSync();
  const busiest = domains.sort((a, b) => b.inFlight + b.waiting - (a.inFlight + a.waiting));
  const tables = services.tables();
  const sumOf = (figure: "keys" | "maxKeys" | "refusedFull" | "bytes") =>
    tables.reduce((sum, view) => sum + view[figure], 0);
  return {
    service: EDGE_COOKIE,
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
