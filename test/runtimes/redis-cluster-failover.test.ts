/** Four instances on a Redis Cluster, one of whose masters is killed under load. `npm run soak -- redis-cluster` does it for longer. */
import { expect, test } from "vitest";
import { INSTANCES, runFailover } from "../load/failover/failover.ts";
import { failoverSummary } from "../load/failover/report.ts";
import { noRedis } from "../support/redis.ts";

test.skipIf(noRedis !== undefined)(
  noRedis ?? "a master that is killed costs no acknowledged write, no limit and no restart",
  async () => {
    const report = await runFailover({
      runtime: "node",
      seconds: 12,
      hands: 6,
      failures: ["killed"],
      say() {},
    });
    expect(report.faults.join("\n")).toBe("");
    const { page, pixel, identify, upload, deletion, metered } = report.tallies as Required<
      typeof report.tallies
    >;
    expect(page!.refused).toBe(0);
    for (const tally of [pixel, identify, upload, deletion, metered]) expect(tally!.done).toBeGreaterThan(0);
    expect(pixel!.refused + upload!.refused + deletion!.refused).toBeGreaterThan(0);
    for (const count of Object.values(report.kept)) expect(count).toBeGreaterThan(0);
    expect(report.limits.length).toBe(5);
    for (const { most } of report.limits) expect(most).toBeGreaterThan(0);
    // Each fault is logged once by each instance, and once more after a minute.
    expect(Object.keys(report.complaints).length).toBeGreaterThan(0);
    for (const [message, count] of Object.entries(report.complaints)) {
      expect(count, message).toBeLessThanOrEqual(2 * INSTANCES);
    }
    expect(failoverSummary(report)).toContain("all there");
  },
);
