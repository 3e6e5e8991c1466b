import type { HotPath } from "../../wasm/hotpath.ts";
import type { Clock, RateLimiter } from "../platform.ts";

/**
 * Counts in the hot path's window table: exact, of fixed size, and for this process alone.
 *
 * @example
 * const limiter = localLimiter(hotPath, clock);
 * limiter.take("partner:ssp_x", { limit: 30, windowMs: 60_000 }); // { admitted: true, remaining: 29, retryAfterMs: 0 }
 */
export function localLimiter(hotPath: Pick<HotPath, "take">, clock: Pick<Clock, "now">): RateLimiter {
  return {
    take: (key, { limit, windowMs }) => hotPath.take(key, clock.now(), windowMs, limit),
  };
}
