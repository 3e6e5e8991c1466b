/**
 * Fastly's Edge Rate Limiting. Quick, and not exact: see {@link fastlyErlLimiter}.
 * @module
 */
import type { RateLimiter } from "../platform.ts";

/** As much of the SDK's `RateCounter` as is used here. */
export interface FastlyRateCounter {
  increment(entry: string, delta: number): void;
  lookupCount(entry: string, durationSeconds: 10 | 20 | 30 | 40 | 50 | 60): number;
}

export interface FastlyErlOptions {
  /** An SDK's `RateCounter`; called once, at the first use, because the host allows that only while it serves a request. */
  open(): FastlyRateCounter;
  /** Counts what Edge Rate Limiting cannot: windows of more than a minute. */
  longer: RateLimiter;
}

/** The longest stretch that a counter answers for, and the grain of its answers, in seconds. */
const LONGEST_SECONDS = 60;
const GRAIN_SECONDS = 10;
/** The host forgets a count within this time at the latest; it tells no better moment, in milliseconds. */
const RETRY_MS = GRAIN_SECONDS * 1000;

/**
 * A limiter on a Fastly rate counter. Not the exact window that the port promises, and meant only for limits that
 * keep a burst away, such as requests a minute:
 *
 * - each point of presence counts by itself, so a client of several gets the limit in each;
 * - counts are estimates, by the host's own account up to a tenth too low;
 * - looking and counting are two steps, between which others are admitted;
 * - windows are stretched to whole tens of seconds.
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
