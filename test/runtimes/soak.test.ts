import { expect, test } from "vitest";
import { faultsOf, soakChart, soakSummary } from "../load/soak/report.ts";
import { runSoak } from "../load/soak/soak.ts";

test("a short soak with kills and restarts keeps all acknowledged writes and no withdrawn id", async () => {
  const report = await runSoak({ runtime: "node", seconds: 15, hands: 8, say() {} });
  expect(faultsOf(report)).toEqual([]);
  const endings = report.endings.map(({ how }) => how);
  expect(endings).toEqual(["killed", "asked to end", "killed", "asked to end", "killed", "asked to end"]);
  const { counts, audit } = report;
  for (const kind of ["minted", "consented", "uploaded", "pixels", "withdrawn"] as const) {
    expect(counts[kind], kind).toBeGreaterThan(0);
  }
  expect(report.beside?.requests).toBeGreaterThan(0);
  expect(audit.expected).toBeGreaterThan(0);
  expect(audit.live - audit.unacknowledged).toBeGreaterThanOrEqual(audit.expected);
  expect(audit.live - audit.unacknowledged).toBeLessThanOrEqual(audit.expected + audit.undecided);
  expect(report.samples.length).toBeGreaterThan(0);
  expect(soakSummary(report)).toContain("| held against the store | all there |");
  expect(soakChart(report)).toMatch(/^<svg/);
});
