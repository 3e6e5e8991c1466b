/**
 * An exact sliding window in a {@link Store}, for hosts whose instances live for one request and share nothing else.
 * @module
 */
import type { Clock, RateLimit, RateLimiter, Store, TakeResult } from "../platform.ts";
import { newestOf, type Run, takeFromWindow } from "./window.ts";

/** A take that waits for the read and the write of its key. */
interface PendingTake {
  rate: RateLimit;
  resolve(result: TakeResult): void;
  reject(reason: unknown): void;
}

/** Maximum number of retries after a lost race. */
const MAX_RETRIES = 8;
/** First pause after a lost race, in milliseconds; each pause doubles. */
const FIRST_PAUSE_MS = 4;
/** `retryAfterMs` after losing every race. */
const CROWDED_RETRY_MS = 1000;

/**
 * A rate limiter that keeps the time of each take in a store and counts by compare-and-swap: exact in both directions for any
 * limit, across all instances that share the store. A key must always have the same rate.
 *
 * An admitted take costs a read and a write, a refused one a read; simultaneous takes of one key by this instance share them.
 * If other instances win every race, the take is refused: a limiter may never admit too many. If the clocks of instances
 * differ, the clock that is ahead counts.
 */
export function storeLimiter(store: Store, clock: Clock): RateLimiter {
  const waiting = new Map<string, PendingTake[]>();

  const pause = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));

  async function takeAll(key: string, takes: readonly PendingTake[]): Promise<TakeResult[]> {
    for (let attempt = 0; attempt <= MAX_RETRIES; attempt++) {
      if (attempt > 0) await pause(FIRST_PAUSE_MS * 2 ** (attempt - 1));
      const stored = await store.get(key);
      const runs = stored === null ? [] : decode(stored.value);
      const nowMs = clock.now();
      const newest = newestOf(runs);
      const results = takes.map(({ rate }) => takeFromWindow(runs, nowMs, rate));
      // Write if a take was admitted, or if the takes were moved because the clock was ahead.
      if (newestOf(runs) === newest && !results.some(({ admitted }) => admitted)) return results;
      const put = await store.put(key, encode(runs), {
        ifVersion: stored === null ? null : stored.version,
        ttlSeconds: Math.ceil((newestOf(runs) - nowMs + takes[0]!.rate.windowMs) / 1000),
      });
      if (put.ok) return results;
    }
    return takes.map(() => ({ admitted: false, remaining: 0, retryAfterMs: CROWDED_RETRY_MS }));
  }

  /** Answers the takes of one key, each time all that have arrived. */
  async function drain(key: string, takes: PendingTake[]): Promise<void> {
    while (takes.length > 0) {
      const batch = takes.splice(0);
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
        const take = { rate, resolve, reject };
        const takes = waiting.get(key);
        if (takes !== undefined) {
          takes.push(take);
          return;
        }
        const first = [take];
        waiting.set(key, first);
        drain(key, first);
      });
    },
  };
}

/** The time of the first take, and for each further take how much later it is: shorter than the times themselves. */
function encode(runs: readonly Run[]): string {
  let beforeMs = 0;
  const gaps: number[] = [];
  for (const [atMs, , count] of runs) {
    gaps.push(atMs - beforeMs);
    for (let n = 1; n < count; n++) gaps.push(0);
    beforeMs = atMs;
  }
  return JSON.stringify(gaps);
}

function decode(text: string): Run[] {
  const runs: Run[] = [];
  let atMs = 0;
  for (const gap of JSON.parse(text) as number[]) {
    atMs += gap;
    const newest = runs.at(-1);
    if (newest?.[1] === atMs) newest[2]++;
    else runs.push([atMs, atMs, 1]);
  }
  return runs;
}
