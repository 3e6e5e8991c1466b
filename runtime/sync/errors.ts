/**
 * The errors by which a context's `fetch` says more than "it failed".
 * @module
 */

/**
 * Reject `fetch` with this when the server asks for fewer requests (429, or 503 with `Retry-After`). The engine does not ask
 * the server's domain again for that long. It does not count as a failure.
 */
export class RateLimited extends Error {
  override readonly name = "RateLimited";
  /** How long not to ask the domain, in milliseconds; `null`: the server did not say, and the engine takes a minute. */
  readonly retryAfterMs: number | null;

  /** @param retryAfterMs in milliseconds; `null` if the server did not say; see {@link retryAfterMs}. */
  constructor(retryAfterMs: number | null) {
    super("the server asks for fewer requests");
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Reject `fetch` with this when the failure concerns this source only: not found, too large, an address that must not be
 * called. The engine sets the source aside for this identifier. It says nothing about the health of the domain.
 */
export class SourceUnusable extends Error {
  override readonly name = "SourceUnusable";
  /** How long to set the source aside, in milliseconds; `null`: until the identifier is enqueued again. */
  readonly forMs: number | null;

  /**
   * @param message why the source cannot be used; it is logged.
   * @param forMs in milliseconds; `null`: until the identifier is enqueued again.
   */
  constructor(message: string, forMs: number | null, options?: ErrorOptions) {
    super(message, options);
    this.forMs = forMs;
  }
}

/**
 * Reads a `Retry-After` field (RFC 9110, 10.2.3): seconds or an HTTP date.
 * @param value the field; `null` if the response had none.
 * @param nowMs milliseconds since the Unix epoch; an HTTP date is compared with it.
 * @returns milliseconds from now, at least 0; `null` if there is no field or it is neither.
 */
export function retryAfterMs(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  const text = value.trim();
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1000;
  // A date starts with the name of its day; `Date.parse` alone would read "-5" as a year.
  if (!/^[A-Z][a-z]+,? /.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
