/**
 * Options and answers of the sync engine.
 * @module
 */
import type { Clock, RateLimiter, Store } from "../platform.ts";
import type { SyncContext } from "./context.ts";
import type { SyncListener } from "./events.ts";
import type { DomainLimits } from "./schedule.ts";

/** What a sync engine needs, and its options. */
export interface SyncEngineOptions<Need, Item = Need, Receipt = undefined> {
  /** The service: what is needed, who may have it, how to ask. */
  context: SyncContext<Need, Item, Receipt>;
  /** Time and timers. The engine corrects a clock that is set back. */
  clock: Clock;
  /** Counts the starts of each domain, under the key `sync:<domain>`. Instances that share a limiter share the limits. */
  limiter: RateLimiter;
  /**
   * Called for each event: see {@link SyncEvent}. `logListener` and `metricsListener` make listeners, `combineListeners` makes
   * one of several. Default: none.
   */
  onEvent?: SyncListener | undefined;
  /**
   * Prefix of all keys in the limiter and the lease store. Two engines that share a limiter or a store need different
   * prefixes, such as `grasp:`, or they share windows and leases. Default: none.
   */
  keyPrefix?: string | undefined;
  /** Limits of a domain for which `limitsFor` has none. Default: 5 fetches in flight, 30 starts in any 60 seconds. */
  limits?: Partial<DomainLimits> | undefined;
  /**
   * Limits of one domain (as `domainOf` names it). Asked at every decision, so it must be quick; its answers may change at
   * any time, see `limitsChanged`. Default: `limits` for every domain.
   */
  limitsFor?: ((domain: string) => Partial<DomainLimits> | undefined) | undefined;
  /**
   * Whether an identifier goes behind all others, in each domain's queue and where domains wait for `maxConcurrentTotal`. Asked
   * when it first wants a fetch. What runs is not aborted for others. Default: none does.
   */
  goesLast?: ((identifier: string) => boolean) | undefined;
  /** Maximum number of fetches over all domains. Domains that wait for it get turns in rounds. Default: no bound. */
  maxConcurrentTotal?: number | undefined;
  /** Sources that the main path asks at once for one identifier. Domain queues do not count. Default: 1. */
  mainPathConcurrency?: number | undefined;
  /**
   * With it, the main path asks one source after the other, and another one beside it only if those that it asks stall or
   * take long. Default: it asks `mainPathConcurrency` sources at once from the beginning.
   */
  mainPathPatience?: Patience | undefined;
  /** Maximum number of queued identifiers; beyond it new ones are refused. Default: 100,000. */
  maxQueued?: number | undefined;
  /** An identifier expires this long after its last arrival, in milliseconds. Default: 30 minutes. */
  expiryMs?: number | undefined;
  /** A fetch without progress is aborted after this time, in milliseconds, and counts as a failure. Default: 60 s. */
  idleTimeoutMs?: number | undefined;
  /** A fetch is aborted after this time whatever its progress, in milliseconds. Default: 30 minutes. */
  totalTimeoutMs?: number | undefined;
  /** Timeout of asking the context what is needed and who may have it, in milliseconds. Default: 30 s. */
  lookTimeoutMs?: number | undefined;
  /** An aborted fetch that does not end counts as in flight for this time, in milliseconds. Default: 500. */
  abortGraceMs?: number | undefined;
  /** Our own hosts, with the port if it is not the default port of the scheme. Their sources are never asked. Default: none. */
  ownHosts?: readonly string[] | undefined;
  /** For several instances on one store. Default: no leases. */
  lease?: LeaseOptions | undefined;
}

/** When the main path starts another fetch beside those that run. */
export interface Patience {
  /** After each of them has made no progress for this time, in milliseconds … */
  idleMs: number;
  /** … or runs for this time, in milliseconds. */
  totalMs: number;
}

/** How several instances agree who works on which identifier. */
export interface LeaseOptions {
  /** Holds the leases, under the keys `sync:lease:<identifier>`. */
  store: Store;
  /** Name of this instance, unique among those that share the store. */
  holder: string;
  /** Lifetime of a lease that is not renewed, in seconds. The engine renews it at half of that. Default: 20. */
  ttlSeconds?: number | undefined;
}

/** The answer to `enqueue`. */
export type EnqueueResult = { admitted: true } | { admitted: false; reason: "full" | "stopped" };

/** The state of the engine at one moment. */
export interface SyncView {
  /** Number of identifiers that wait or are being worked on. */
  queued: number;
  /** Domains that are busy, have a queue, or are remembered because they are closed or fail. */
  domains: DomainView[];
}

/** The state of one domain. */
export interface DomainView extends DomainLimits {
  domain: string;
  /** Number of fetches in flight. */
  inFlight: number;
  /** Number of identifiers in its queue. */
  waiting: number;
  /** Starts for which the window had room when it was last asked; `null`: not asked yet. */
  remaining: number | null;
  /** Milliseconds until it may be asked again; 0: now, as far as time decides. */
  opensInMs: number;
  /** Failures in a row. */
  failures: number;
  /** Rests in a row. */
  rests: number;
}
