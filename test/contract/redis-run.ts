/**
 * Runs the suites of {@link redisSuites} on the host that executes this file: `NAME URL NAME URL …`. Writes the results to
 * standard output as JSON: an array of `{ suite, name, fault }`.
 * @module
 */
import process from "node:process";
import { runCases } from "./case.ts";
import { redisSuites } from "./redis.ts";

const args = process.argv.slice(2);
const results = [];
for (let i = 0; i < args.length; i += 2) {
  for (const [suite, cases] of Object.entries(redisSuites(args[i]!, args[i + 1]!))) {
    for (const result of await runCases(cases)) results.push({ suite, ...result });
  }
}
console.log(JSON.stringify(results));
