/**
 * A context's `fetch` rejects with this when the server asks to be left alone for a while (429, or 503 with
 * `Retry-After`). The server's domain is then left alone that long; it does not count as a failure.
 */
export class RateLimited extends Error {
  override readonly name = "RateLimited";
  /** How long to stay away, in milliseconds; `null`: the server did not say, and a minute is taken. */
  readonly retryAfterMs: number | null;

  constructor(retryAfterMs: number | null) {
    super("the server asks for fewer requests");
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Reads a `Retry-After` field (RFC 9110, 10.2.3): seconds or an HTTP date.
 * @param value the field; `null` if the answer had none.
 * @param nowMs milliseconds since the Unix epoch, to measure a date against.
 * @returns milliseconds from now, at least 0; `null` if there is no field or it says neither.
 */
export function retryAfterMs(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  const text = value.trim();
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1000;
  // A date begins with the name of its day; `Date.parse` alone would take "-5" for a year.
  if (!/^[A-Z][a-z]+,? /.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
