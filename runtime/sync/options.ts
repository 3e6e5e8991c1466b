/**
 * What the sync engine is set up with, and what it answers.
 * @module
 */
import type { Clock, Log, Metrics, RateLimiter, Store } from "../platform.ts";
import type { SyncContext } from "./context.ts";
import type { DomainLimits } from "./schedule.ts";

/** What a sync engine needs, and what can be set. */
export interface SyncEngineOptions<Need, Item = Need> {
  context: SyncContext<Need, Item>;
  clock: Clock;
  /** Counts the starts of each domain, under the key `sync:<domain>`. Instances that share it share the limits. */
  limiter: RateLimiter;
  log: Log;
  metrics: Metrics;
  /** Goes before the name of every metric. Default: nothing. */
  metricsPrefix?: string;
  /** What a domain bears unless `limitsFor` knows better. Default: 5 in flight, 30 starts in any minute. */
  limits?: Partial<DomainLimits>;
  /**
   * What this domain (as `domainOf` names it) bears. Asked at every decision, so it must be quick, and its answers may
   * change while the engine runs; see `limitsChanged`.
   */
  limitsFor?: (domain: string) => Partial<DomainLimits> | undefined;
  /**
   * How many sources the main path asks at once for one identifier. Default: 1, one after the other. The queues of the
   * throttled domains go on independently of it.
   */
  mainPathConcurrency?: number;
  /** At most so many identifiers wait; past it the newest is refused. Default: 100,000. */
  maxQueued?: number;
  /** An identifier expires so long after its last arrival. Default: 30 minutes. */
  expiryMs?: number;
  /** A fetch that takes longer is aborted and counts as a failure. Saying what is needed may take as long. Default: 30 s. */
  fetchTimeoutMs?: number;
  /** Our own hosts, with the port where it is not the scheme's own: sources there are never asked. */
  ownHosts?: readonly string[];
  /** For several instances: where they agree who works on what, and this one's name among them. */
  lease?: { store: Store; holder: string };
}

/** The answer to `enqueue`. */
export type EnqueueResult = { admitted: true } | { admitted: false; reason: "full" | "stopped" };

/**
 * How far `tryNow` came. `complete`: nothing is needed any more. `throttled`: a source is left whose
 * domain had no room. `incomplete`: nobody is left to ask now, and something is still missing.
 */
export type TryResult = "complete" | "throttled" | "incomplete";

/** What can be seen of the engine at one moment. */
export interface SyncView {
  /** Identifiers that wait or are being worked on. */
  queued: number;
  /** Domains that are busy, waited for, or remembered because they are closed or fail. */
  domains: DomainView[];
}

/** What can be seen of one domain. */
export interface DomainView extends DomainLimits {
  domain: string;
  inFlight: number;
  /** Identifiers in its queue. */
  waiting: number;
  /** Starts for which the window had room when it was last asked; `null`: not asked yet. */
  remaining: number | null;
  /** Milliseconds until it may be asked again; 0: time does not stand in the way. */
  opensInMs: number;
  /** Failures in a row. */
  failures: number;
  /** Rests in a row. */
  rests: number;
}
