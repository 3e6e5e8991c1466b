/**
 * The answer of `GET /_ts/admin/status`: counters and the state of the sync engine.
 * @module
 */
import type { Past } from "../../admin/past.ts";
import {
  busiestDomains,
  type InstanceStatus,
  mergeDomains,
  type StatusDomain,
  usedMetrics,
  usedOf,
} from "../../admin/status.ts";
import type { Services } from "../services.ts";

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

/** Reads the counters. Uses neither the store nor the network. */
export function readStatus(services: Services): Status {
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
    metrics: usedMetrics(metrics),
    sync: { queued, ...busiestDomains(domains, MAX_DOMAINS) },
    windows: {
      keys: sumOf("keys"),
      max_keys: sumOf("maxKeys"),
      refused: sumOf("refusedFull"),
      bytes: sumOf("bytes"),
    },
  };
}

/** The counters and the state of all workers, if there are several. */
export async function readAllStatus(services: Services): Promise<Status> {
  const { workers } = services;
  if (workers === null) return readStatus(services);
  const { statuses, metrics } = await workers.statuses();
  const { instance, startedMs, count } = workers;
  return {
    ...mergeStatuses(statuses as Status[]),
    ...{ instance, started_ms: startedMs, workers: count },
    metrics: usedOf(metrics),
  };
}

/** The states of several workers as one. The busiest domains of each are in it. */
export function mergeStatuses(statuses: readonly Status[]): Status {
  const [first] = statuses;
  if (first === undefined) throw new Error("no worker answers");
  const sumOf = (figure: (status: Status) => number) =>
    statuses.reduce((sum, status) => sum + figure(status), 0);
  const domains = mergeDomains(statuses.flatMap(({ sync }) => sync.domains));
  return {
    ...first,
    now_ms: Math.max(...statuses.map(({ now_ms }) => now_ms)),
    sync: {
      queued: sumOf(({ sync }) => sync.queued),
      domains: domains.slice(0, MAX_DOMAINS),
      domains_left_out: Math.max(
        domains.length - MAX_DOMAINS,
        ...statuses.map(({ sync }) => sync.domains_left_out),
      ),
    },
    windows: {
      keys: sumOf(({ windows }) => windows.keys),
      max_keys: sumOf(({ windows }) => windows.max_keys),
      refused: sumOf(({ windows }) => windows.refused),
      bytes: sumOf(({ windows }) => windows.bytes),
    },
  };
}

/** The answer of `GET /_ts/admin/past` of this process. */
export function readPast({ past, instance, clock }: Pick<Services, "past" | "instance" | "clock">): Past {
  return { instance, now_ms: clock.now(), samples: past?.samples ?? [] };
}

/** The same of a server with several workers: each of them keeps the figures of all, the oldest one the longest. */
export async function readAllPast(services: Services): Promise<Past> {
  const own = readPast(services);
  const { workers } = services;
  if (workers === null) return own;
  const pasts = [own, ...((await workers.pasts()) as Past[])];
  const longest = pasts.reduce((a, b) => (b.samples.length > a.samples.length ? b : a));
  return { ...own, instance: workers.instance, samples: longest.samples };
}
