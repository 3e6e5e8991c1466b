import type { RestingDomain } from "./throttle.ts";

/** One waiting identifier, as plain data. */
export interface WaitingIdentifier {
  identifier: string;
  /** Milliseconds until its next attempt. */
  delayMs: number;
  /** Attempts since its last fresh start. */
  attempts: number;
  /** Milliseconds until it expires. */
  expiresInMs: number;
}

/**
 * What a stopped engine hands back: plain data that survives JSON. All times are what remained at the stop. The starts
 * in the last minute are not in it, as they are the rate limiter's to remember.
 */
export interface SyncSnapshot {
  identifiers: WaitingIdentifier[];
  domains: RestingDomain[];
}

/**
 * Checks what is said to be a snapshot, since it may come from a file.
 * @throws {TypeError} naming the first field that is not as it should be.
 */
export function checkSnapshot(snapshot: SyncSnapshot): void {
  for (const [list, text, numbers] of [
    ["identifiers", "identifier", ["delayMs", "attempts", "expiresInMs"]],
    ["domains", "domain", ["rests", "restMs", "askedMs"]],
  ] as const) {
    const records: unknown = snapshot?.[list];
    if (!Array.isArray(records)) throw new TypeError(`snapshot.${list} must be a list`);
    for (const [index, record] of records.entries()) {
      const at = `snapshot.${list}[${index}]`;
      if (typeof record?.[text] !== "string") throw new TypeError(`${at}.${text} must be a string`);
      for (const field of numbers) {
        if (!(Number.isFinite(record[field]) && record[field] >= 0)) {
          throw new TypeError(`${at}.${field} must be a number of at least 0`);
        }
      }
    }
  }
}
