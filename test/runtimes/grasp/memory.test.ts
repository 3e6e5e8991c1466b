/**
 * A large pack passes through the server's process and does not stay in it (V8, G19). The version with 1 GiB is `npm run memory`.
 * @module
 */
import { expect, test } from "vitest";
import { MAX_GROWTH_MIB, measureGrowth } from "../../load/grasp/memory/growth.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

test.each<ProcessRuntime>(["node", "bun", "deno"])(
  "a server on %s grows by at most 64 MiB while 100 MiB are pushed, cloned, and fetched from a peer",
  // What the collector has not freed yet counts, too: on a busy machine it comes late, and a second look tells.
  { timeout: 300_000, retry: 1 },
  async (runtime) => {
    const { push, clone, fetch } = await measureGrowth(runtime, 100);
    expect(push).toBeLessThanOrEqual(MAX_GROWTH_MIB);
    expect(clone).toBeLessThanOrEqual(MAX_GROWTH_MIB);
    expect(fetch).toBeLessThanOrEqual(MAX_GROWTH_MIB);
  },
);
