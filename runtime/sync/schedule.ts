/**
 * Every figure of the sync engine, and the decisions that follow from a figure alone.
 * @module
 */

/** How long a new identifier waits: `default` where a push is expected to follow, `immediate` to let a burst gather. */
export const DELAYS_MS = { default: 180_000, immediate: 500 } as const;

/** An identifier that is not complete this long after its last arrival is given up. */
export const EXPIRY_MS = 30 * 60_000;

/** How often the loop looks for identifiers whose time has come. */
export const TICK_MS = 1_000;

/**
 * How many it begins with at once, and when it goes on with the others: what else the process does, such as answering
 * visitors, comes in between.
 */
export const ATTEMPTS_AT_ONCE = 100;
export const BREATH_MS = 5;

/** The span in which a domain's starts are counted. */
export const WINDOW_MS = 60_000;

/** What one domain bears. */
export interface DomainLimits {
  /** Fetches in flight at once; 0 pauses the domain. */
  maxConcurrent: number;
  /** Fetches begun in any 60 seconds; 0 pauses the domain. */
  maxPerMinute: number;
}

/** What a domain bears of which nothing better is known. */
export const DEFAULT_LIMITS: DomainLimits = { maxConcurrent: 5, maxPerMinute: 30 };

/** How long after its `attempts`-th attempt an identifier waits: 20, 40, 80, then always 120 seconds. */
export function backoffMs(attempts: number): number {
  return Math.min(20_000 * 2 ** (attempts - 1), 120_000);
}

/** This many failures in a row put a domain to rest. */
export const FAILURES_TO_REST = 5;

/** How long a failing domain rests for the `rests`-th time in a row: 30 seconds, doubling, at most 10 minutes. */
export function restMs(rests: number): number {
  return Math.min(30_000 * 2 ** (rests - 1), 600_000);
}

/** What a domain that says "too many requests" without saying how long is given. */
export const ASKED_REST_MS = WINDOW_MS;

/** A domain that asks for fewer requests is given this much at least, and this much at most. */
export const MIN_ASKED_REST_MS = 1_000;
export const MAX_ASKED_REST_MS = 24 * 3_600_000;

/** A fetch that was told to end counts as in flight until it has, but no longer than this. */
export const ABORT_GRACE_MS = 500;
