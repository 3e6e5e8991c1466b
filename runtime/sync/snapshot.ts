/** One queued identifier, as plain data. */
export interface WaitingIdentifier {
  identifier: string;
  /** Milliseconds until its next attempt. */
  delayMs: number;
  /** Attempts since its last fresh start. */
  attempts: number;
  /** Milliseconds until it expires. */
  expiresInMs: number;
}

/** A resting domain, as plain data. */
export interface RestingDomain {
  domain: string;
  /** Rests in a row because of failures; 0 if the domain only asked for fewer requests. */
  rests: number;
  /** Remaining rest because of failures, in milliseconds. */
  restMs: number;
  /** Remaining rest that the server asked for, in milliseconds. */
  askedMs: number;
}

/**
 * What a stopped engine returns: plain data that survives JSON. All times are what remained at the stop. It does not hold
 * the starts of the last minute, which are the rate limiter's, nor the sources that were set aside.
 */
export interface SyncSnapshot {
  identifiers: WaitingIdentifier[];
  domains: RestingDomain[];
}

/**
 * Validates a snapshot read from outside, for example from a file.
 * @throws {TypeError} naming the first field that is wrong.
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
