import { STEP_BACK_MS } from "../../wasm/hotpath.ts";
import type { RateLimit, TakeResult } from "../platform.ts";

/** Takes that leave the window together: when the first and the last was made, in milliseconds, and how many they are. */
export type Run = [firstMs: number, lastMs: number, count: number];

/**
 * Takes from an exact sliding window: never more than `limit` in any `windowMs`. Changes `runs`, which hold the admitted takes,
 * oldest first, if it admits the take or if the clock was ahead.
 * @param grainMs takes of so long a time share a run and leave the window with its last take: up to this much too late.
 * Default: 0, exact in both directions.
 */
export function takeFromWindow(
  runs: Run[],
  nowMs: number,
  { limit, windowMs }: RateLimit,
  grainMs = 0,
): TakeResult {
  const most = Math.floor(limit);
  if (most < 1) return { admitted: false, remaining: 0, retryAfterMs: windowMs };
  setBack(runs, nowMs);
  // A clock that was set back must not make takes leave the window later than they came.
  const atMs = Math.max(nowMs, newestOf(runs));
  const isLive = ([, lastMs]: Run) => lastMs > atMs - windowMs;
  const left = runs.findIndex(isLive);
  runs.splice(0, left === -1 ? runs.length : left);
  let count = 0;
  for (const run of runs) count += run[2];
  if (count < most) {
    add(runs, atMs, grainMs);
    return { admitted: true, remaining: most - count - 1, retryAfterMs: 0 };
  }
  let retryAfterMs = windowMs;
  for (const [, lastMs, leaving] of runs) {
    count -= leaving;
    retryAfterMs = lastMs + windowMs - nowMs;
    if (count < most) break;
  }
  return { admitted: false, remaining: 0, retryAfterMs };
}

/** When the newest take was, in milliseconds; 0 if there is none. */
export function newestOf(runs: readonly Run[]): number {
  return runs.at(-1)?.[1] ?? 0;
}

/** If the clock was ahead until now, by more than `STEP_BACK_MS`, moves all takes back in time: the newest to now. */
function setBack(runs: Run[], nowMs: number): void {
  const aheadMs = newestOf(runs) - nowMs;
  if (aheadMs <= STEP_BACK_MS) return;
  for (const run of runs) {
    run[0] -= aheadMs;
    run[1] -= aheadMs;
  }
}

function add(runs: Run[], atMs: number, grainMs: number): void {
  const newest = runs.at(-1);
  if (newest === undefined || atMs - newest[0] > grainMs) {
    runs.push([atMs, atMs, 1]);
  } else {
    newest[1] = atMs;
    newest[2]++;
  }
}
