/**
 * The suites for the server or Cluster at a URL of Redis: the store, the graph on it, the limiter.
 * @module
 */
import { redisLimiter } from "../../runtime/limiters/redis.ts";
import { connectRedis, redisStore } from "../../runtime/stores/redis.ts";
import { manualClock } from "../support/manual-clock.ts";
import { systemClock } from "../support/system-clock.ts";
import type { ContractCase } from "./case.ts";
import { graphContract } from "./graph.ts";
import { type LimiterHarness, limiterContract } from "./limiter.ts";
import { type StoreHarness, storeContract } from "./store.ts";

/** Longer than any case, so that a slow machine fails no case. */
const TIMEOUT_MS = 60_000;

let worlds = 0;

/** Suites by name. @param name of the server or Cluster at the URL. */
export function redisSuites(name: string, url: string): Record<string, readonly ContractCase[]> {
  /** A URL with a prefix for one case. */
  const part = () => `${url}/?prefix=${process.pid}-${worlds++}-*%5B?%5D-`;
  const connect = (at: string) => connectRedis({ url: at, timeoutMs: TIMEOUT_MS, clock: systemClock });

  const store: StoreHarness = {
    traits: { name: "redis", readAfterWrite: true, durable: true, shared: true },
    open() {
      const clock = manualClock();
      const at = part();
      const open = () => redisStore({ redis: connect(at), clock });
      const store = open();
      return { store, advance: clock.advance, again: open, dispose: () => store.close() };
    },
  };

  /** Takes alternately through two connections: two instances that share a Redis. */
  const limiter: LimiterHarness = {
    clockCanBeSetBack: true,
    open() {
      const clock = manualClock();
      const at = part();
      const [one, other] = [1, 2].map(() => redisLimiter({ redis: connect(at), clock }));
      let turn = 0;
      return {
        limiter: { take: (key, rate) => (turn++ % 2 ? one! : other!).take(key, rate) },
        advance: clock.advance,
        async dispose() {
          await one!.close!();
          await other!.close!();
        },
      };
    },
  };

  return {
    [`store on ${name}`]: storeContract(store),
    [`graph on ${name}`]: graphContract(store),
    [`limiter on ${name}`]: limiterContract(limiter),
  };
}
