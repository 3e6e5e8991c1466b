/** The expiry of an entry that never expires; fits into a 64-bit integer and into a double. */
export const NEVER_MS = Number.MAX_SAFE_INTEGER;

/**
 * The moment from which an entry written at `nowMs` counts as absent, in whole milliseconds since the Unix epoch.
 * @throws {RangeError} if `ttlSeconds` is not a finite number.
 */
export function expiryMs(nowMs: number, ttlSeconds: number | undefined): number {
  if (ttlSeconds === undefined) return NEVER_MS;
  const expires = Math.ceil(nowMs + ttlSeconds * 1000);
  if (!Number.isSafeInteger(expires)) {
    throw new RangeError(`ttlSeconds is ${ttlSeconds}: leave it out, or give a finite number of seconds`);
  }
  return expires;
}
