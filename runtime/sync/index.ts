/**
 * The sync engine: brings identifiers the data that other servers may have, without exceeding any server's limits.
 * `docs/engine.md` is its guide.
 * @module
 */
export { monotonicClock } from "./clocks.ts";
export type { FetchCall, Fetched, FetchOrigin, SyncContext } from "./context.ts";
export { SyncEngine } from "./engine.ts";
export { RateLimited, retryAfterMs, SourceUnusable } from "./errors.ts";
export {
  combineListeners,
  type Outcome,
  REFUSALS,
  type RefusalReason,
  type SyncEvent,
  type SyncListener,
  type TryResult,
} from "./events.ts";
export { type LogListenerOptions, logListener } from "./log-listener.ts";
export { type MetricsListenerOptions, metricsListener } from "./metrics-listener.ts";
export type {
  DomainView,
  EnqueueResult,
  LeaseOptions,
  Patience,
  SyncEngineOptions,
  SyncView,
} from "./options.ts";
export {
  ASKED_REST_MS,
  DEFAULT_LIMITS,
  DELAYS_MS,
  type DomainLimits,
  EXPIRY_MS,
  WINDOW_MS,
} from "./schedule.ts";
export type { RestingDomain, SyncSnapshot, WaitingIdentifier } from "./snapshot.ts";
export { domainOf, type Source } from "./source.ts";
