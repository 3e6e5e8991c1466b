/**
 * What the sync engine gets of a service's parts, alone and together with other instances.
 * @module
 */
import { toHex } from "../../runtime/lib/hex.ts";
import type { LogOnce } from "../../runtime/observe/log.ts";
import type { Log, LogFields, Random, RateLimiter, Store } from "../../runtime/platform.ts";

/** As much of a service's parts as is looked at here. */
interface SyncParts {
  store: Store;
  limiter: RateLimiter;
  random: Random;
  log: Log;
}

/**
 * How much later an answer from afar may come than the one before it, in milliseconds: a start is counted there and made
 * here, after the answer.
 */
const LATE_MS = 500;

/**
 * The engine's limiter, lease and log. Instances whose limiter counts for all of them lease each id while they work on
 * it, so that no two ask for it at once.
 */
export function syncParts({ store, limiter, random, log }: SyncParts, logOnce: LogOnce) {
  const own = { limiter, log: faultsOnce(log, logOnce) };
  if (limiter.shared !== true) return own;
  const together = { ...own, limiter: longerWindows(limiter) };
  return store.traits.shared ? { ...together, lease: { store, holder: instanceName(random) } } : together;
}

/** The same limiter with windows so much longer that the starts themselves, too, are a whole window apart. */
function longerWindows(limiter: RateLimiter): RateLimiter {
  return { take: (key, { limit, windowMs }) => limiter.take(key, { limit, windowMs: windowMs + LATE_MS }) };
}

/**
 * A log for what happens to every visitor alike: a fault is written once for each domain or partner, then counted; what the
 * engine says of single visitors is for `debug`.
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

/** What no other instance is called. */
export function instanceName(random: Random): string {
  const bytes = new Uint8Array(12);
  random.fill(bytes);
  return toHex(bytes);
}
