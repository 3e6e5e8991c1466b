/**
 * When an entry ends: the same reckoning for every store that keeps the moment beside the entry.
 * @module
 */

/** The end of an entry that has none; fits wherever a 64-bit integer or a double does. */
export const NEVER_MS = Number.MAX_SAFE_INTEGER;

/**
 * The first moment at which an entry written at `nowMs` is gone, in whole milliseconds since the Unix epoch.
 * @throws {RangeError} if `ttlSeconds` is no amount of time.
 */
export function expiryMs(nowMs: number, ttlSeconds: number | undefined): number {
  if (ttlSeconds === undefined) return NEVER_MS;
  const expires = Math.ceil(nowMs + ttlSeconds * 1000);
  if (!Number.isSafeInteger(expires)) {
    throw new RangeError(`ttlSeconds is ${ttlSeconds}: leave it out, or give a finite number of seconds`);
  }
  return expires;
}
