/**
 * Runs the suites on the host that executes this file and writes the results to standard output as JSON: an array of
 * `{ suite, name, fault }`.
 * @module
 */
import { runCases } from "./case.ts";
import { suites } from "./processes.ts";

const results = [];
for (const [suite, cases] of Object.entries(suites)) {
  for (const result of await runCases(cases)) results.push({ suite, ...result });
}
console.log(JSON.stringify(results));
