/**
 * What all workers of a server say of the Edge Cookie.
 * @module
 */
import { metricsText } from "../../runtime/observe/metrics.ts";
import { mergeDomains } from "../admin/merge-domains.ts";
import type { Past } from "../admin/past.ts";
import { usedMetrics } from "../admin/status.ts";
import type { Workers } from "../service.ts";
import { MAX_DOMAINS, type Status } from "./admin/status.ts";
import type { AllWorkers } from "./services.ts";

/** Asks all workers for what the operator reads. */
export function allWorkersOf(workers: Workers): Omit<AllWorkers, "status"> & { status(): Promise<Status> } {
  const { number, count, instance, startedMs } = workers;
  return {
    metricsText: async () => metricsText(await workers.metrics()),
    async status() {
      const { statuses, metrics } = await workers.statuses();
      return {
        ...mergeStatuses(statuses as Status[]),
        ...{ instance, started_ms: startedMs, workers: count },
        metrics: usedMetrics(metrics),
      };
    },
    // Each of them keeps the figures of all, the oldest one the longest.
    async past(nowMs) {
      const pasts = (await workers.pasts()) as Past[];
      const longest = pasts.reduce<Past["samples"]>(
        (known, { samples }) => (samples.length > known.length ? samples : known),
        [],
      );
      return { instance, now_ms: nowMs, samples: longest };
    },
    shareOf(maxConcurrent) {
      const more = number <= maxConcurrent % count ? 1 : 0;
      return Math.max(1, Math.floor(maxConcurrent / count) + more);
    },
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
