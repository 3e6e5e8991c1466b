import type { Reporter, TestModule } from "vitest/node";
import { leftOut } from "./runtimes/left-out.ts";
import { type ScenarioResult, scenarioTable } from "./scenario-table.ts";

/** The full name of a scenario on one runtime, from `test/runtimes/black-box.ts`. */
const SCENARIO = /^black box on (\w+) > (?:.+ > )?scenarios > /;

/** A failure that is told once more at the end: what its errors say, in at most this many lines. */
const FAILURE_LINES = 12;

/** Where a case or a file failed, and the start of what each error says. */
function failure(where: string, errors: readonly { message: string }[]): string {
  const said = errors.flatMap(({ message }) => message.split("\n"));
  return [`failed: ${where}`, ...said.slice(0, FAILURE_LINES)].join("\n    ");
}

/**
 * Ends a run with a table of scenarios by runtimes, the name of each case that was left out, each failure once more (a
 * reader who has only the end of the output sees what failed), and one line with the counts.
 */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const scenarios: ScenarioResult[] = [];
    const failures: string[] = [];
    for (const module of modules) {
      const place = module.relativeModuleId;
      if (module.state() === "failed" && module.errors().length > 0) {
        counts.failed++;
        failures.push(failure(place, module.errors()));
      }
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state === "passed") counts.passed++;
        else if (state === "failed") {
          counts.failed++;
          failures.push(failure(`${place} > ${test.fullName}`, errors));
        } else {
          counts.skipped++;
          console.log(`left out: ${place} > ${test.fullName}`);
        }
        const runtime = SCENARIO.exec(test.fullName)?.[1];
        if (runtime !== undefined) scenarios.push({ runtime, scenario: test.name, state });
      }
    }
    const table = scenarioTable(scenarios, leftOut);
    if (table !== "") console.log(table);
    for (const text of failures) console.log(text);
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
}
