import { expect, test } from "vitest";
import { scenarioTable } from "../../scenario-table.ts";

test("scenarioTable lists scenarios by runtimes, with a reason for each blank", () => {
  const table = scenarioTable(
    [
      { runtime: "node", scenario: "mint", state: "passed" },
      { runtime: "node", scenario: "sync", state: "failed" },
      { runtime: "node", scenario: "metrics", state: "passed" },
      { runtime: "edge", scenario: "mint", state: "passed" },
    ],
    { edge: { sync: "no clock there", metrics: "no clock there" } },
  );
  expect(table.split("\n")).toEqual([
    "",
    "scenario  node    edge",
    "mint      yes     yes",
    "sync      FAILED  (1)",
    "metrics   yes     (1)",
    "(1) no clock there",
    "",
  ]);
});

test("scenarioTable is empty without scenarios", () => {
  expect(scenarioTable([], {})).toBe("");
});
