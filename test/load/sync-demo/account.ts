import { isPending } from "../../../runtime/lib/within.ts";
import { localLimiter } from "../../../runtime/limiters/local.ts";
import type { Clock, RateLimiter } from "../../../runtime/platform.ts";
import { createHotPath, type HotPath } from "../../../wasm/hotpath.ts";
import { inlineKernels } from "../../../wasm/inline.ts";

/** One take that a domain's window admitted. */
export interface Take {
  domain: string;
  /** Milliseconds. */
  at: number;
}

/** The hot path's windows, with an account of what they let pass. */
export interface Account {
  hotPath: HotPath;
  limiter: RateLimiter;
  takes: readonly Take[];
}

/**
 * Sets up the windows. They and the account of them share one reading of the clock for each take: a millisecond between
 * the two would count falsely.
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

/** The most takes of one domain in any 60 seconds. */
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
