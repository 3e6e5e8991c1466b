import type { Reporter, TestModule } from "vitest/node";
import { leftOut } from "./runtimes/left-out.ts";
import { type ScenarioResult, scenarioTable } from "./scenario-table.ts";

/** The full name of a scenario on one runtime, from `test/runtimes/black-box.ts`. */
const SCENARIO = /^black box on (\w+) > (?:.+ > )?scenarios > /;

/**
 * Ends a run with a table of scenarios by runtimes, the name of each case that was left out, and one line with the
 * counts.
 */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const scenarios: ScenarioResult[] = [];
    for (const module of modules) {
      if (module.state() === "failed" && module.errors().length > 0) counts.failed++;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") counts.passed++;
        else if (state === "failed") counts.failed++;
        else {
          counts.skipped++;
          console.log(`left out: ${module.relativeModuleId} > ${test.fullName}`);
        }
        const runtime = SCENARIO.exec(test.fullName)?.[1];
        if (runtime !== undefined) scenarios.push({ runtime, scenario: test.name, state });
      }
    }
    const table = scenarioTable(scenarios, leftOut);
    if (table !== "") console.log(table);
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
}
