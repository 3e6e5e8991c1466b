/**
 * Everything at once for some seconds, with hostile peers and clients, a kill and a restart (V10). Ten minutes of it are
 * `npm run soak -- grasp`.
 * @module
 */
import { expect, test } from "vitest";
import { graspSoakChart, graspSoakSummary } from "../../load/grasp/soak/report.ts";
import { faultsOf, runGraspSoak } from "../../load/grasp/soak/soak.ts";

test("a short soak keeps all acknowledged events and reported pushes, and leaves nothing behind (V10, V11)", async () => {
  const report = await runGraspSoak({ runtime: "node", seconds: 15, authors: 3, shortLives: 2, say() {} });
  expect(faultsOf(report)).toEqual([]);
  expect(report.endings.map(({ how }) => how)).toEqual(["killed", "asked to end"]);
  const { done, audit, attacks, askedHostile } = report;
  for (const count of ["repositories", "pushes", "pullRequests", "clones", "heard"] as const)
    expect(done[count], count).toBeGreaterThan(0);
  expect(audit.ends.served).toBeGreaterThan(0);
  expect(audit.ends.deleted).toBeGreaterThan(0);
  expect(audit.fromPeers.known).toBeGreaterThan(0);
  expect(audit.refused).toBeGreaterThan(0);
  expect(Object.keys(attacks).length).toBeGreaterThan(5);
  expect(Object.values(askedHostile).some((count) => count > 0)).toBe(true);
  expect(report.samples.length).toBeGreaterThan(0);
  expect(graspSoakSummary(report)).toContain("| left after the end | nothing |");
  expect(graspSoakChart(report)).toMatch(/^<svg/);
}, 300_000);
