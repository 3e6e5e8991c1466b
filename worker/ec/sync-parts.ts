/**
 * What the Edge Cookie's sync engine gets: limiter, lease and listeners, for one instance or for several.
 * @module
 */
import { METRICS_PREFIX } from "../../runtime/ec/request-metrics.ts";
import { toHex } from "../../runtime/lib/hex.ts";
import type { LogOnce } from "../../runtime/observe/log.ts";
import { idFields, NO_IDS, type RequestIds } from "../../runtime/observe/trace-context.ts";
import type { Log, LogFields, Metrics, Random, RateLimiter, Store } from "../../runtime/platform.ts";
import { combineListeners, logListener, metricsListener } from "../../runtime/sync/index.ts";

/** What {@link syncParts} needs of the service. */
interface SyncParts {
  store: Store;
  limiter: RateLimiter;
  random: Random;
  log: Log;
  metrics: Metrics;
  /** The ids of the request that an EC id's pulls began with; `undefined`: it has none under way. */
  idsOf(id: string): RequestIds | undefined;
}

/**
 * Extra window length, in milliseconds. With a remote limiter the request starts after the take is counted, by up to this
 * much.
 */
const LATE_MS = 500;

/**
 * The engine's limiter, lease and listeners. Instances that share a limiter lease each id while they work on it, so that no
 * two ask for it at once.
 */
export function syncParts({ store, limiter, random, log, metrics, idsOf }: SyncParts, logOnce: LogOnce) {
  const onEvent = combineListeners(
    logListener(faultsOnce(log, logOnce), {
      // One request's end may begin the work of another one.
      fieldsFor: (id) => idFields((id === undefined ? undefined : idsOf(id)) ?? NO_IDS),
    }),
    metricsListener(metrics, { prefix: METRICS_PREFIX }),
  );
  if (limiter.shared !== true) return { limiter, onEvent };
  const shared = { limiter: longerWindows(limiter), onEvent };
  return store.traits.shared ? { ...shared, lease: { store, holder: instanceName(random) } } : shared;
}

/** The same limiter with longer windows, so that the starts, too, are a whole window apart. */
function longerWindows(limiter: RateLimiter): RateLimiter {
  return { take: (key, { limit, windowMs }) => limiter.take(key, { limit, windowMs: windowMs + LATE_MS }) };
}

/**
 * A log for faults that concern all visitors: each is written once for a domain or partner, then counted. Lines about a
 * single visitor go to `debug`.
 */
export function faultsOnce(log: Log, logOnce: LogOnce): Log {
  const keyOf = (message: string, { domain, partner }: LogFields) => `${message} ${domain ?? partner ?? ""}`;
  return {
    debug: (message, fields) => log.debug(message, fields),
    info: (message, fields) => log.debug(message, fields),
    warn: (message, fields = {}) => logOnce.warn(keyOf(message, fields), message, fields),
    error: (message, fields = {}) => logOnce.error(keyOf(message, fields), message, fields),
  };
}

/** A random instance name, unique among instances. */
export function instanceName(random: Random): string {
  const bytes = new Uint8Array(12);
  random.fill(bytes);
  return toHex(bytes);
}
