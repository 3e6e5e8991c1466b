import type { RateLimiter, Store } from "../../runtime/platform.ts";
import type { ContractCase } from "./case.ts";
import { graphContract } from "./graph.ts";
import { limiterContract } from "./limiter.ts";
import { type StoreHarness, storeContract } from "./store.ts";

/** The environment of one case. */
export interface World {
  /** @param spread which keys are spread over several objects */
  open(spread: string): Store;
  limiter(): RateLimiter;
  advance(ms: number): void;
}

/** The suites for Cloudflare, by name. */
export function durableObjectSuites(world: () => World): [string, ContractCase[]][] {
  const harness = (spread: string): StoreHarness => ({
    traits: { name: "durable-object", readAfterWrite: true, durable: true, shared: true },
    open() {
      const { open, advance } = world();
      return { store: open(spread), advance, again: () => open(spread), dispose() {} };
    },
  });
  const limiter = limiterContract({
    clockCanBeSetBack: true,
    open() {
      const { limiter, advance } = world();
      return { limiter: limiter(), advance, dispose() {} };
    },
  });
  return [
    // Many keys of the suite have this prefix and many do not; the empty prefix lists both.
    ["durable-object store", storeContract(harness("k"))],
    ["graph on durable-object", graphContract(harness("ec:"))],
    ["durable-object limiter", limiter],
  ];
}
