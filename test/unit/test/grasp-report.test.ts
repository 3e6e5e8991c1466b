import { expect, test } from "vitest";
import { chartOf, countOf, type GraspResults, tableOf, verdictOf } from "../../bench/grasp/report.ts";

const figure = (name: string, better: "higher" | "lower", ours: number[], theirs: number[]) => ({
  row: "query",
  name,
  unit: "ms" as const,
  better,
  values: { millrace: ours, "ngit-grasp": theirs },
});

const results: GraspResults = {
  provenance: { date: "2026-01-01", machine: "2 x test", versions: {} },
  load: { before: 1, after: 1 },
  sizes: {},
  measured: [
    figure("a time", "lower", [4, 1, 2], [9, 8, 7]),
    figure("a rate", "higher", [10], [20]),
    figure("the same", "lower", [100], [102]),
    figure("one side", "lower", [100], []),
  ],
  missing: { fetch: "not built" },
};

test("the median decides who is ahead; less than 5% is equal; one side alone is not compared", () => {
  expect(results.measured.map(verdictOf)).toEqual(["ahead", "behind", "equal", "not compared"]);
  expect(countOf(results)).toEqual({ ahead: 1, behind: 1, equal: 1, "not compared": 1 });
});

test("the table has a row for each figure and for what was not measured", () => {
  expect(tableOf(results).split("\n").slice(2)).toEqual([
    "| query | a time | 2.00 ms | 8.00 ms | ahead (4.0x) |",
    "| query | a rate | 10.0 ms | 20.0 ms | behind (0.50x) |",
    "| query | the same | 100 ms | 102 ms | equal (1.0x) |",
    "| query | one side | 100 ms | - | not compared |",
    "| fetch | not measured | - | - | not built |",
  ]);
});

test("the chart draws what was compared", () => {
  expect(chartOf(results)).toContain("millrace beside ngit-grasp");
});
