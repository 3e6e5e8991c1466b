/**
 * An exact sliding window in a {@link Store}: for hosts whose instances live for one request and share nothing else.
 * @module
 */
import { STEP_BACK_MS } from "../../wasm/hotpath.ts";
import type { Clock, RateLimit, RateLimiter, Store, TakeResult } from "../platform.ts";

/** One take that waits for the read and the write of its key. */
interface Ask {
  rate: RateLimit;
  resolve(result: TakeResult): void;
  reject(reason: unknown): void;
}

/** How often a write that lost a race is tried again. */
const MAX_RETRIES = 8;
/** The first pause after a lost race, in milliseconds; it doubles. */
const FIRST_PAUSE_MS = 4;
/** When to come again after losing every race, in milliseconds. */
const CROWDED_RETRY_MS = 1000;

/**
 * A rate limiter that keeps the moments of each key's takes in a store, and counts by compare-and-swap: exact in both
 * directions whatever the limit, across all instances that share the store. A key always has the same rate.
 *
 * Costs a read and a write for each admitted take, a read for each refused one; takes of one key by this instance that
 * come at once share them. Where others are always faster it refuses: it may never admit too many. Instances whose
 * clocks differ count by the one that is ahead.
 */
export function storeLimiter(store: Store, clock: Clock): RateLimiter {
  const waiting = new Map<string, Ask[]>();

  const pause = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));

  async function takeAll(key: string, asks: readonly Ask[]): Promise<TakeResult[]> {
    for (let attempt = 0; attempt <= MAX_RETRIES; attempt++) {
      if (attempt > 0) await pause(FIRST_PAUSE_MS * 2 ** (attempt - 1));
      const stored = await store.get(key);
      const moments = stored === null ? [] : decode(stored.value);
      const nowMs = clock.now();
      const newest = moments.at(-1);
      const results = asks.map(({ rate }) => take(moments, nowMs, rate));
      // Written when a take was admitted, or the moments were moved because the clock had been ahead.
      if (moments.at(-1) === newest && !results.some(({ admitted }) => admitted)) return results;
      const put = await store.put(key, encode(moments), {
        ifVersion: stored === null ? null : stored.version,
        ttlSeconds: Math.ceil((moments.at(-1)! - nowMs + asks[0]!.rate.windowMs) / 1000),
      });
      if (put.ok) return results;
    }
    return asks.map(() => ({ admitted: false, remaining: 0, retryAfterMs: CROWDED_RETRY_MS }));
  }

  /** Answers the takes of one key, as many at once as have come meanwhile. */
  async function drain(key: string, asks: Ask[]): Promise<void> {
    while (asks.length > 0) {
      const batch = asks.splice(0);
      try {
        const results = await takeAll(`rate:${key}`, batch);
        for (let i = 0; i < batch.length; i++) batch[i]!.resolve(results[i]!);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    waiting.delete(key);
  }

  return {
    take(key, rate) {
      return new Promise((resolve, reject) => {
        const ask = { rate, resolve, reject };
        const asks = waiting.get(key);
        if (asks !== undefined) {
          asks.push(ask);
          return;
        }
        const first = [ask];
        waiting.set(key, first);
        drain(key, first);
      });
    },
  };
}

/** Takes from a window, whose admitted moments (in order, in milliseconds) it changes. */
function take(moments: number[], nowMs: number, { limit, windowMs }: RateLimit): TakeResult {
  const ahead = (moments.at(-1) ?? 0) - nowMs;
  if (ahead > STEP_BACK_MS) for (let i = 0; i < moments.length; i++) moments[i]! -= ahead;
  // A clock that was set back must not make takes leave the window later than they came.
  const atMs = Math.max(nowMs, moments.at(-1) ?? 0);
  const left = moments.findIndex((moment) => moment > atMs - windowMs);
  moments.splice(0, left === -1 ? moments.length : left);
  if (moments.length < limit) {
    moments.push(atMs);
    return { admitted: true, remaining: Math.floor(limit) - moments.length, retryAfterMs: 0 };
  }
  const blocking = moments.at(-limit);
  return { admitted: false, remaining: 0, retryAfterMs: (blocking ?? nowMs) + windowMs - nowMs };
}

/** The first moment, and for each further one how much later it is: shorter than the moments themselves. */
function encode(moments: readonly number[]): string {
  return JSON.stringify(moments.map((moment, i) => moment - (moments[i - 1] ?? 0)));
}

function decode(text: string): number[] {
  let moment = 0;
  return (JSON.parse(text) as number[]).map((gap) => {
    moment += gap;
    return moment;
  });
}
