/**
 * A rate limiter in Cloudflare's Durable Objects. The takes of a key are in one object, which runs one operation at a time, so
 * takes are exact across all callers.
 * @module
 */
import type { RateLimit, RateLimiter, TakeResult } from "../platform.ts";
import { type Run, takeFromWindow } from "./window.ts";

/** The windows of one object as a remote caller sees them. */
export interface WindowsObject {
  take(key: string, rate: RateLimit): Promise<TakeResult>;
}

export interface DurableObjectLimiterOptions {
  /** Runs one operation on the object that keeps the window of a key. */
  call(key: string, operation: (object: WindowsObject) => Promise<TakeResult>): Promise<TakeResult>;
}

export function durableObjectLimiter({ call }: DurableObjectLimiterOptions): RateLimiter {
  return { take: (key, rate) => call(key, (object) => object.take(key, rate)) };
}

/** Up to this limit, each take leaves the window at its own time. */
const EXACT_LIMIT = 64;
/** Above it, the takes of this part of the window leave it together. */
const GRAIN = 1 / 64;

/**
 * Takes from a window, inside the object. Exact for limits up to 64; above, it refuses up to a 64th of the window too long.
 * There are never more than 65 runs.
 */
export function takeFromRuns(runs: Run[], nowMs: number, rate: RateLimit): TakeResult {
  return takeFromWindow(runs, nowMs, rate, rate.limit > EXACT_LIMIT ? rate.windowMs * GRAIN : 0);
}
