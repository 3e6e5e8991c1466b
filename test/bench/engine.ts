/**
 * The sync engine's own cost: pick, reserve, release, and back into the queue.
 * @module
 */
import { measureCost } from "../load/sync-cost.ts";
import { report } from "./harness.ts";

const costs = measureCost(
  [
    [1_000, 1_000],
    [10_000, 1_000],
    [100_000, 1_000],
  ],
  11,
  500_000, // many: some hosts tell a thread's time in steps of 4 ms
);
report(
  costs.map(({ identifiers, nanoseconds }) => ({
    name: `${identifiers.toLocaleString("en")} identifiers, 1,000 domains`,
    ...{ nsPerOp: nanoseconds, low: nanoseconds, high: nanoseconds },
  })),
);
