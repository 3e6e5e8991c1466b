/**
 * An exact sliding window in Redis or a Redis Cluster, which any number of instances share.
 * @module
 */
import { STEP_BACK_MS } from "../../wasm/hotpath.ts";
import type { Clock, RateLimiter } from "../platform.ts";

/** The part of a Redis client that is used here; `connectRedis` returns one. */
export interface RedisScripts {
  /** Runs a Lua script on one key, `KEYS[1]`. */
  run(script: string, key: string, ...args: string[]): Promise<unknown>;
  close(): Promise<void>;
}

export interface RedisLimiterOptions {
  /** A client from `connectRedis`. The limiter closes it. */
  redis: RedisScripts;
  /**
   * The time of takes. Default: the time of Redis, so that all instances count by one clock. Set it only for tests or to count by
   * a time of your own.
   */
  clock?: Pick<Clock, "now">;
}

/** First part of every key: separates the limiter's keys from the store's. */
const PREFIX = "rate:";
/** How long Redis keeps a key after its window, in milliseconds. Matters only with a clock of your own. */
const LINGER_MS = 60_000;

/**
 * KEYS[1]: a list of the times of the admitted takes, in milliseconds, in order. ARGV: the limit, the window in milliseconds, how
 * long to keep the key after the window, and optionally the time now; default: the time of Redis.
 * Returns 1 if the take is admitted, how many further takes would be, and in how many milliseconds one would be.
 */
const TAKE = `
local key, limit, window = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local now = tonumber(ARGV[4])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local newest = tonumber(redis.call('LINDEX', key, -1) or 0)
-- The clock was ahead until now: move all takes back, the newest to now.
if newest - now > ${STEP_BACK_MS} then
  for i, moment in ipairs(redis.call('LRANGE', key, 0, -1)) do
    redis.call('LSET', key, i - 1, string.format('%.0f', moment - (newest - now)))
  end
  redis.call('PEXPIRE', key, string.format('%.0f', window + tonumber(ARGV[3])))
  newest = now
end
-- A clock that was set back must not make takes leave the window later than they came.
local at = math.max(now, newest)
local oldest = tonumber(redis.call('LINDEX', key, 0) or at)
while oldest <= at - window do
  redis.call('LPOP', key)
  oldest = tonumber(redis.call('LINDEX', key, 0) or at)
end
local count = redis.call('LLEN', key)
if count < limit then
  redis.call('RPUSH', key, string.format('%.0f', at))
  redis.call('PEXPIRE', key, string.format('%.0f', at - now + window + tonumber(ARGV[3])))
  return {1, limit - count - 1, 0}
end
local blocking = tonumber(redis.call('LINDEX', key, math.floor(count - limit)) or now)
return {0, 0, blocking + window - now}`;

/**
 * A limiter that keeps the time of each take in Redis: exact in both directions for any limit, across all instances. A take is one
 * script on one key. A key takes about 350 bytes of Redis's memory, and 10 more for each take in its window; it is removed after
 * its window.
 *
 * In a Cluster each master has its own clock. When a key moves to another master, its window may end earlier by the difference of
 * their clocks.
 *
 * @example
 * const limiter = redisLimiter({ redis: connectRedis({ url: "redis://127.0.0.1:6379", clock }) });
 */
export function redisLimiter({ redis, clock }: RedisLimiterOptions): RateLimiter {
  return {
    shared: true,
    async take(key, { limit, windowMs }) {
      const args = [limit, windowMs, LINGER_MS, ...(clock === undefined ? [] : [clock.now()])];
      const result = await redis.run(TAKE, PREFIX + key, ...args.map(String));
      const [admitted, remaining, retryAfterMs] = result as [number, number, number];
      return { admitted: admitted === 1, remaining, retryAfterMs };
    },
    close: () => redis.close(),
  };
}
