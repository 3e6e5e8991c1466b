/**
 * Pull sync of one service: what partners are asked, the sync engine that asks them, and what drives both after a visit.
 * @module
 */
import type { Graph } from "../../runtime/ec/graph/graph.ts";
import type { MayShare } from "../../runtime/ec/partners/partner-consent.ts";
import { PullDriver } from "../../runtime/ec/partners/pull-driver.ts";
import { createPullSync, PULL_TIMEOUTS } from "../../runtime/ec/partners/pull-sync.ts";
import type { Registry } from "../../runtime/ec/partners/registry.ts";
import type { LogOnce } from "../../runtime/observe/log.ts";
import { SyncEngine } from "../../runtime/sync/index.ts";
import type { Dependencies } from "./services.ts";
import { faultsOnce, syncParts } from "./sync-parts.ts";

/** What {@link createPulls} needs. */
export interface PullsDependencies
  extends Pick<
    Dependencies,
    | "config"
    | "store"
    | "limiter"
    | "hotPath"
    | "clock"
    | "random"
    | "fetchPublic"
    | "livesBetweenRequests"
    | "tracer"
    | "log"
    | "metrics"
    | "workers"
  > {
  readonly graph: Graph;
  readonly registry: Registry;
  readonly mayShare: MayShare;
  readonly logOnce: LogOnce;
  /** The time of the hot path's windows, in milliseconds. */
  time(): number;
}

/** Creates pull sync. The engine runs at once where the process lives on between requests. */
export function createPulls(dependencies: PullsDependencies) {
  const { config, store, limiter, hotPath, clock, random, livesBetweenRequests, metrics } = dependencies;
  const { graph, registry, mayShare, log, logOnce, time, workers } = dependencies;
  const shareOf = (most: number) => workers?.shareOf(most) ?? most;
  const { maxConcurrentPerDomain, maxPerMinutePerDomain, maxQueued } = config.sync;
  const pullSync = createPullSync({
    ...{ graph, registry, mayShare, limiter, hotPath, clock, time, random, metrics },
    fetch: dependencies.fetchPublic,
    tracer: dependencies.tracer,
    log: faultsOnce(log, logOnce),
    // Those in the engine, and those that are being handed to it.
    maxRuns: 2 * maxQueued,
    allowInsecure: config.allowInsecurePartners,
  });
  const engine = new SyncEngine({
    ...syncParts({ store, limiter, random, log, metrics, idsOf: pullSync.idsOf }, logOnce),
    clock,
    context: pullSync.context,
    limits: { maxConcurrent: shareOf(maxConcurrentPerDomain), maxPerMinute: maxPerMinutePerDomain },
    limitsFor(domain) {
      const limits = pullSync.limitsFor(domain);
      return limits && { ...limits, maxConcurrent: shareOf(limits.maxConcurrent) };
    },
    mainPathConcurrency: config.pullSyncConcurrency,
    maxQueued,
    ...PULL_TIMEOUTS,
    ownHosts: [config.publisher.domain],
  });
  if (livesBetweenRequests) engine.start();
  const driver = new PullDriver({ pullSync, engine, clock, livesBetweenRequests });
  return { pullSync, engine, driver };
}
