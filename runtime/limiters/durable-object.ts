/**
 * A rate limiter in Cloudflare's Durable Objects. What a key's takes were is in one object, which does one thing at a time:
 * a take is counted exactly, whoever asks from wherever.
 * @module
 */
import { STEP_BACK_MS } from "../../wasm/hotpath.ts";
import type { RateLimit, RateLimiter, TakeResult } from "../platform.ts";

/** The windows of one object, as they are called from outside. */
export interface WindowsObject {
  take(key: string, rate: RateLimit): Promise<TakeResult>;
}

export interface DurableObjectLimiterOptions {
  /** Runs one operation on the object that keeps a key's window. */
  call(key: string, operation: (object: WindowsObject) => Promise<TakeResult>): Promise<TakeResult>;
}

export function durableObjectLimiter({ call }: DurableObjectLimiterOptions): RateLimiter {
  return { take: (key, rate) => call(key, (object) => object.take(key, rate)) };
}

/** Takes that leave a window together: when the first and the last was made, in milliseconds, and how many there are. */
export type Group = [firstMs: number, lastMs: number, count: number];

/** Up to here each take leaves the window on its own. */
const EXACT_LIMIT = 64;
/** Beyond, takes of so long a part of the window leave it with the last of them. */
const GROUP_PART = 1 / 64;

/**
 * Takes from a window, whose groups (oldest first) it changes if the take is admitted. Never more than `limit` in any
 * `windowMs`; exact for limits up to 64, above at most a 64th of the window too strict, and never more than 65 groups.
 */
export function takeFrom(groups: Group[], nowMs: number, { limit, windowMs }: RateLimit): TakeResult {
  const ahead = (groups.at(-1)?.[1] ?? 0) - nowMs;
  if (ahead > STEP_BACK_MS) {
    for (const group of groups) {
      group[0] -= ahead;
      group[1] -= ahead;
    }
  }
  // A clock that was set back must not make takes leave the window later than they came.
  const atMs = Math.max(nowMs, groups.at(-1)?.[1] ?? 0);
  while (groups.length > 0 && groups[0]![1] <= atMs - windowMs) groups.shift();
  let counted = 0;
  for (const [, , count] of groups) counted += count;
  if (counted < limit) {
    const newest = groups.at(-1);
    const together = limit > EXACT_LIMIT ? windowMs * GROUP_PART : 0;
    if (newest !== undefined && atMs - newest[0] <= together) {
      newest[1] = atMs;
      newest[2]++;
    } else {
      groups.push([atMs, atMs, 1]);
    }
    return { admitted: true, remaining: Math.ceil(limit - counted) - 1, retryAfterMs: 0 };
  }
  let retryAfterMs = windowMs;
  for (const [, lastMs, count] of groups) {
    counted -= count;
    retryAfterMs = lastMs + windowMs - nowMs;
    if (counted < limit) break;
  }
  return { admitted: false, remaining: 0, retryAfterMs };
}
