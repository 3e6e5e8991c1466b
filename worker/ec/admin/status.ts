/**
 * The answer of `GET /_ts/admin/status`: counters and the state of the sync engine.
 * @module
 */
import type { Past } from "../../admin/past.ts";
import { busiestDomains, type InstanceStatus, type StatusDomain, usedMetrics } from "../../admin/status.ts";
import type { Services } from "../services.ts";

/** The service's name on the operator's page. */
export const EDGE_COOKIE = "edge-cookie";

/** Maximum number of domains in an answer, the busiest first. */
export const MAX_DOMAINS = 50;

/** The answer of `GET /_ts/admin/status`. */
export interface Status extends InstanceStatus {
  /** The publisher's domain. */
  publisher: string;
  /** The kind of store. */
  store: string;
  workers: number;
  sync: { queued: number; domains: StatusDomain[]; domains_left_out: number };
  /** Sums over all tables of rate-limit windows in memory. */
  windows: { keys: number; max_keys: number; refused: number; bytes: number };
}

/** Reads the counters. Uses neither the store nor the network. @param names metrics that it has, as they are. Default: all */
export function readStatus(services: Services, names?: readonly string[]): Status {
  const { config, store, clock, instance, metrics, livesBetweenRequests } = services;
  const { queued, domains } = services.inspectSync();
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
    workers: 1,
    metrics: usedMetrics(names === undefined ? metrics.snapshot() : metrics.read(names)),
    sync: { queued, ...busiestDomains(domains, MAX_DOMAINS) },
    windows: {
      keys: sumOf("keys"),
      max_keys: sumOf("maxKeys"),
      refused: sumOf("refusedFull"),
      bytes: sumOf("bytes"),
    },
  };
}

/** The answer of `GET /_ts/admin/past` of this process. */
export function readPast({ past, instance, clock }: Pick<Services, "past" | "instance" | "clock">): Past {
  return { instance, now_ms: clock.now(), samples: past?.samples ?? [] };
}
