import { expect, test } from "vitest";
import {
  chartOf,
  countOf,
  type GraspResults,
  mergeGrasp,
  tableOf,
  verdictOf,
} from "../../bench/grasp/report.ts";

const runOn = (date: string) => ({
  ...{ date, machine: "2 x test", versions: { Node: "24.0.0" } },
  ...{ repetitions: 3, load: { before: 1, after: 1 } },
});
const figure = (name: string, better: "higher" | "lower", ours: number[], theirs: number[]) => ({
  row: "query",
  name,
  unit: "ms" as const,
  better,
  run: runOn("2026-01-01"),
  values: { millrace: ours, "ngit-grasp": theirs },
});

const results: GraspResults = {
  measured: [
    figure("a time", "lower", [4, 1, 2], [9, 8, 7]),
    figure("a rate", "higher", [10], [20]),
    figure("the same", "lower", [100], [102]),
    figure("one side", "lower", [100], []),
  ],
  missing: [{ row: "fetch", server: "millrace", reason: "not built" }],
};

test("the median decides who is ahead; less than 5% is equal; one side alone is not compared", () => {
  expect(results.measured.map(verdictOf)).toEqual(["ahead", "behind", "equal", "not compared"]);
  expect(countOf(results)).toEqual({ ahead: 1, behind: 1, equal: 1, "not compared": 1 });
});

test("the table has a row for each figure with its run, and for what was not measured", () => {
  const [table, legend] = tableOf(results).split("\n\n");
  expect(table!.split("\n").slice(2)).toEqual([
    "| query | a time | 2.00 ms | 8.00 ms | ahead (4x) | a |",
    "| query | a rate | 10.0 ms | 20.0 ms | behind (0.5x) | a |",
    "| query | the same | 100 ms | 102 ms | equal (1x) | a |",
    "| query | one side | 100 ms | - | not compared | a |",
    "| fetch | not measured on millrace | - | - | not built |  |",
  ]);
  expect(legend).toMatch(/^Run a: 2 x test, 2026-01-01; Node 24\.0\.0; median of 3; /);
});

test("a newer run replaces the rows that it was to measure, in their place; the others keep their figures and their run", () => {
  const live = { ...figure("live", "lower", [1], [2]), row: "live" };
  const start = { ...figure("start", "lower", [1], [2]), row: "start" };
  const newer = [
    { ...live, run: runOn("2026-01-02") },
    { ...start, run: runOn("2026-01-02") },
  ];
  const older = { ...results, measured: [live, ...results.measured, start] };
  const merged = mergeGrasp(older, { measured: newer, missing: [] }, ["live", "fetch"]);
  expect(merged.measured).toEqual([newer[0], ...results.measured, start]);
  expect(merged.missing).toEqual([]);
  expect(tableOf(merged)).toMatch(/\| live \| .* \| a \|[\s\S]*\| start \| .* \| b \|/);
});

test("the chart draws what was compared", () => {
  expect(chartOf(results)).toContain("millrace beside ngit-grasp");
});
