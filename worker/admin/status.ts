/**
 * The part of a status that every service answers and that the shell of the operator's page shows.
 * @module
 */
import type { MetricSnapshot, MetricType } from "../../runtime/observe/metrics.ts";
import type { Labels } from "../../runtime/platform.ts";
import type { DomainView } from "../../runtime/sync/index.ts";

/** The state of one running service. A service adds fields of its own. */
export interface InstanceStatus {
  /** The service, for example `edge-cookie`. The page shows the panel with this name. */
  service: string;
  /** The instance that answered. Its counters are its own. */
  instance: string;
  started_ms: number;
  now_ms: number;
  /** False if the host may end an instance after any request. Its counters are then lost. */
  lives_between_requests: boolean;
  /** Number of processes whose counters these are. Absent: one. */
  workers?: number;
  metrics: StatusMetric[];
}

/** One metric that has at least one series. */
export interface StatusMetric {
  name: string;
  type: MetricType;
  /** Upper bounds of a histogram's buckets; empty for other types. */
  bounds: readonly number[];
  /** For a histogram `value` is the sum and `counts` has the observations by bucket; the last bucket has no bound. */
  series: { labels: Labels; value: number; counts: number[] }[];
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

/** The busiest domains of the engine. @param max of them; the others are counted */
export function busiestDomains(
  all: readonly DomainView[],
  max: number,
): { domains: StatusDomain[]; domains_left_out: number } {
  const busiest = [...all].sort((a, b) => b.inFlight + b.waiting - (a.inFlight + a.waiting));
  return {
    domains: busiest.slice(0, max).map((domain) => ({
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
    domains_left_out: Math.max(0, all.length - max),
  };
}

/** The metrics that have a series, for a status. */
export function usedMetrics(metrics: readonly MetricSnapshot[]): StatusMetric[] {
  return metrics
    .filter(({ series }) => series.length > 0)
    .map(({ name, type, bounds, series }) => ({ name, type, bounds, series }));
}
