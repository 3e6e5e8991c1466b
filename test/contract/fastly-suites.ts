import type { RateLimiter, Store } from "../../runtime/platform.ts";
import type { ContractCase } from "./case.ts";
import { graphContract } from "./graph.ts";
import { limiterContract } from "./limiter.ts";
import { type StoreHarness, storeContract } from "./store.ts";

/** The environment of one case. */
export interface World {
  open(): Store;
  limiter(): RateLimiter;
  advance(ms: number): void;
}

/** The suites for Fastly Compute, by name. */
export function fastlySuites(world: () => World): [string, ContractCase[]][] {
  const store: StoreHarness = {
    traits: { name: "fastly-kv", readAfterWrite: false, durable: true, shared: true },
    // An interpreter takes seconds for the races of 300; the unit tests of this store have them.
    writers: 80,
    open() {
      const { open, advance } = world();
      return { store: open(), advance, again: open, dispose() {} };
    },
  };
  const limiter = limiterContract({
    clockCanBeSetBack: true,
    // An interpreter takes minutes for all three; the unit tests of this limiter have them.
    windowsMs: [60_000],
    open() {
      const { limiter, advance } = world();
      return { limiter: limiter(), advance, dispose() {} };
    },
  });
  return [
    ["fastly-kv store", storeContract(store)],
    ["graph on the fastly-kv store", graphContract(store)],
    ["limiter in the fastly-kv store", limiter],
  ];
}
