import { isPending } from "../../../runtime/lib/within.ts";
import { localLimiter } from "../../../runtime/limiters/local.ts";
import type { Clock, RateLimiter } from "../../../runtime/platform.ts";
import { createHotPath, type HotPath } from "../../../wasm/hotpath.ts";
import { inlineKernels } from "../../../wasm/inline.ts";

/** One admitted take. */
export interface Take {
  domain: string;
  /** Milliseconds. */
  at: number;
}

/** A limiter on the hot path's windows that records its takes. */
export interface Account {
  hotPath: HotPath;
  limiter: RateLimiter;
  takes: readonly Take[];
}

/**
 * Creates the limiter. The windows and the record use one reading of the clock for each take: a difference of a millisecond
 * would falsify the counts.
 */
export function keepAccount(clock: Clock): Account {
  const hotPath = createHotPath(inlineKernels(), {
    maxKeys: 1_000,
    random: { fill: (target) => void crypto.getRandomValues(target) },
  });
  let now = 0;
  const windows = localLimiter(hotPath, { now: () => now });
  const takes: Take[] = [];
  const limiter: RateLimiter = {
    take(key, rate) {
      now = clock.now();
      const taken = windows.take(key, rate);
      if (!isPending(taken) && taken.admitted) takes.push({ domain: key.slice("sync:".length), at: now });
      return taken;
    },
  };
  return { hotPath, limiter, takes };
}

/** The highest number of takes of one domain in any 60 seconds. */
export function mostInAMinute(takes: readonly Take[], domain: string): number {
  const times = takes.filter((take) => take.domain === domain).map(({ at }) => at);
  let most = 0;
  let from = 0;
  for (let to = 0; to < times.length; to++) {
    while (times[from]! <= times[to]! - 60_000) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}
