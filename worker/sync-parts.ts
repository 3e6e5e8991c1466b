/**
 * What the sync engine gets of a service's parts, alone and together with other instances.
 * @module
 */
import { toHex } from "../runtime/hex.ts";
import type { LogOnce } from "../runtime/observe/log.ts";
import type { Log, Random, RateLimiter, Store } from "../runtime/platform.ts";

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

/** A log in which a fault of our own, which strikes every id alike, is told once; what partners do is told each time. */
function faultsOnce(log: Log, logOnce: LogOnce): Log {
  return {
    debug: (message, fields) => log.debug(message, fields),
    info: (message, fields) => log.info(message, fields),
    warn(message, fields = {}) {
      const isTheirs = "outcome" in fields || "because" in fields;
      if (isTheirs) log.warn(message, fields);
      else logOnce.warn(message, message, fields);
    },
    error: (message, fields) => log.error(message, fields),
  };
}

/** What no other instance is called. */
export function instanceName(random: Random): string {
  const bytes = new Uint8Array(12);
  random.fill(bytes);
  return toHex(bytes);
}
