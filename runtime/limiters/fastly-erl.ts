import type { RateLimiter } from "../platform.ts";

/** The part of the SDK's `RateCounter` that is used here. */
export interface FastlyRateCounter {
  increment(entry: string, delta: number): void;
  lookupCount(entry: string, durationSeconds: 10 | 20 | 30 | 40 | 50 | 60): number;
}

export interface FastlyErlOptions {
  /** Opens the SDK's `RateCounter`. Called once, by the first take: the host allows it only while it serves a request. */
  open(): FastlyRateCounter;
  /** The limiter for windows of more than a minute, which Edge Rate Limiting does not have. */
  longer: RateLimiter;
}

/** Longest period of a counter, and the step of periods, in seconds. */
const LONGEST_SECONDS = 60;
const GRAIN_SECONDS = 10;
/** `retryAfterMs` of a refusal: the host drops a count within this time and reports no exact time. */
const RETRY_MS = GRAIN_SECONDS * 1000;

/**
 * A limiter on Fastly's Edge Rate Limiting. Fast, but not the exact window that the port promises. Use it only against bursts, for
 * example for requests per minute:
 *
 * - each point of presence has its own counts, so a client of several points gets the limit in each;
 * - counts are estimates, according to the host up to a tenth too low;
 * - reading and incrementing a count are two steps, between which other takes are admitted;
 * - windows are rounded up to multiples of ten seconds.
 *
 * Windows of more than a minute go to `longer`.
 */
export function fastlyErlLimiter({ open, longer }: FastlyErlOptions): RateLimiter {
  let opened: FastlyRateCounter | undefined;
  return {
    take(key, rate) {
      const seconds = Math.ceil(rate.windowMs / (GRAIN_SECONDS * 1000)) * GRAIN_SECONDS;
      if (seconds > LONGEST_SECONDS) return longer.take(key, rate);
      opened ??= open();
      const count = opened.lookupCount(key, seconds as 10 | 20 | 30 | 40 | 50 | 60);
      if (count >= rate.limit) return { admitted: false, remaining: 0, retryAfterMs: RETRY_MS };
      opened.increment(key, 1);
      return { admitted: true, remaining: rate.limit - count - 1, retryAfterMs: 0 };
    },
    async close() {
      await longer.close?.();
    },
  };
}
