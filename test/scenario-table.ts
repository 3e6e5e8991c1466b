import type { LeftOut } from "./runtimes/left-out.ts";

/** The result of one scenario on one runtime. */
export interface ScenarioResult {
  runtime: string;
  scenario: string;
  state: "passed" | "failed" | "skipped" | "pending";
}

const SIGNS = { passed: "yes", failed: "FAILED", skipped: "left out", pending: "left out" };

/**
 * Makes a text table of scenarios by runtimes, with the reason for each blank below.
 * @param leftOut the reasons, by runtime and scenario.
 * @returns an empty text if no scenario ran.
 */
export function scenarioTable(
  results: readonly ScenarioResult[],
  leftOut: Readonly<Record<string, LeftOut>>,
): string {
  if (results.length === 0) return "";
  const runtimes = [...new Set(results.map(({ runtime }) => runtime))];
  const scenarios = [...new Set(results.map(({ scenario }) => scenario))];
  const states = new Map(
    results.map(({ runtime, scenario, state }) => [`${runtime} ${scenario}`, SIGNS[state]]),
  );

  const reasons: string[] = [];
  const cell = (runtime: string, scenario: string): string => {
    const state = states.get(`${runtime} ${scenario}`);
    if (state !== undefined) return state;
    const reason = leftOut[runtime]?.[scenario] ?? "not run";
    const at = reasons.indexOf(reason);
    return `(${at === -1 ? reasons.push(reason) : at + 1})`;
  };
  const rows = [
    ["scenario", ...runtimes],
    ...scenarios.map((scenario) => [scenario, ...runtimes.map((runtime) => cell(runtime, scenario))]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
  return ["", ...lines, ...reasons.map((reason, index) => `(${index + 1}) ${reason}`), ""].join("\n");
}
