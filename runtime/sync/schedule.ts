/**
 * All figures of the sync engine, and the decisions that need nothing but a figure.
 * @module
 */
import { doubling } from "../lib/backoff.ts";

/**
 * Delays of a new identifier, in milliseconds. `default` (180,000): a push is expected to follow. `immediate` (500): a
 * burst of events gathers.
 */
export const DELAYS_MS = { default: 180_000, immediate: 500 } as const;

/** An identifier expires this long after its last arrival, in milliseconds: 30 minutes. */
export const EXPIRY_MS = 30 * 60_000;

/** The progress of a fetch prolongs the expiry at most once in this time, in milliseconds. */
export const PROLONG_EVERY_MS = 60_000;

/** The progress of fetches keeps an identifier at most this long after its last arrival, in milliseconds: 2 hours. */
export const MAX_PROLONGED_MS = 2 * 3_600_000;

/** Maximum number of queued identifiers. */
export const MAX_QUEUED = 100_000;

/** Interval at which the loop looks for identifiers that are due, in milliseconds. */
export const TICK_MS = 1_000;

/**
 * Attempts started per batch, and the pause between batches in milliseconds, so that other work of the process (serving
 * requests) can run.
 */
export const ATTEMPTS_PER_BATCH = 100;
export const BATCH_PAUSE_MS = 5;

/** The length of the window in which the starts of a domain are counted, in milliseconds. */
export const WINDOW_MS = 60_000;

/** The limits of one domain. */
export interface DomainLimits {
  /** Maximum number of fetches in flight; 0 pauses the domain. Default: 5. */
  maxConcurrent: number;
  /** Maximum number of fetches started in any 60 seconds; 0 pauses the domain. Default: 30. */
  maxPerMinute: number;
}

/** The limits of a domain that has none of its own. */
export const DEFAULT_LIMITS: DomainLimits = { maxConcurrent: 5, maxPerMinute: 30 };

/** A fetch without progress is aborted after this time, in milliseconds. */
export const IDLE_TIMEOUT_MS = 60_000;

/** A fetch is aborted after this time whatever its progress, in milliseconds: 30 minutes. */
export const TOTAL_TIMEOUT_MS = 30 * 60_000;

/** Timeout of one look-up at the context, in milliseconds. */
export const LOOK_TIMEOUT_MS = 30_000;

/** An aborted fetch counts as in flight until it has ended, but no longer than this, in milliseconds. */
export const ABORT_GRACE_MS = 500;

/** Lifetime of a lease that is not renewed, in seconds. The engine renews it at half of that. */
export const LEASE_TTL_SECONDS = 20;

/** How long an identifier waits after its `attempts`-th attempt, in milliseconds: 20, 40, 80, then always 120 seconds. */
export function backoffMs(attempts: number): number {
  return doubling(attempts, 20_000, 120_000);
}

/** This many failures in a row put a domain to rest. */
export const FAILURES_TO_REST = 5;

/** Length of the `rests`-th rest in a row, in milliseconds: 30 seconds, doubling, at most 10 minutes. */
export function restMs(rests: number): number {
  return doubling(rests, 30_000, 600_000);
}

/** Rest of a domain that asks for fewer requests without a time, in milliseconds. */
export const ASKED_REST_MS = WINDOW_MS;

/** Shortest and longest rest that a server can ask for, in milliseconds. */
export const MIN_ASKED_REST_MS = 1_000;
export const MAX_ASKED_REST_MS = 24 * 3_600_000;

/** No fetch starts at a domain for this long after the rate limiter failed, in milliseconds. */
export const LIMITER_DOWN_MS = 1_000;

/** Maximum number of idle domains whose state is kept. */
export const MAX_REMEMBERED_DOMAINS = 10_000;

/** A failing domain's state is kept this long after it may be asked again, in milliseconds. */
export const REMEMBER_MS = 600_000;

/** Maximum number of sources that are set aside. */
export const MAX_SET_ASIDE = 10_000;
