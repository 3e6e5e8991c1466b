/**
 * Real browsers as visitors of a site, alone and beside a plain HTTP generator that keeps the server busy. Writes
 * test/results/load.json and load.png, and the picture and table to docs/performance.md.
 *
 * Arguments: `--seconds N` of each phase (45), `--visitors N` at once (4), `--connections N` of the generator (16).
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { writeBetween } from "../../bench/marks.ts";
import { noChromium } from "../../support/chromium.ts";
import { root } from "../../support/spawn.ts";
import { numbersOf } from "../arguments.ts";
import { runLoad } from "./load.ts";
import { countErrors, loadChart, loadTable, writeResults } from "./report.ts";

const options = numbersOf("load", { seconds: 45, visitors: 4, connections: 16 });
if (noChromium !== undefined) {
  console.error(`load: ${noChromium}`);
  process.exit(1);
}
const report = await runLoad({ ...options, say: (text) => console.error(`load: ${text}`) });
const [table, chart] = [loadTable(report), loadChart(report)];

await writeResults(report, join(root, "test/results"));
mkdirSync(join(root, "docs/performance"), { recursive: true });
writeFileSync(join(root, "docs/performance/load.svg"), chart);
writeBetween(
  join(root, "docs/performance.md"),
  "load",
  `![A page as visitors' browsers see it](performance/load.svg)\n\n${table}`,
);
console.log(table);
const faults = [...report.quiet, ...report.busy].filter(({ fault }) => fault !== null);
for (const { step, fault } of faults.slice(0, 10)) console.error(`load: ${step}: ${fault}`);
if (report.log !== "") console.error(`load: the server said:\n${report.log.slice(0, 2000)}`);
console.error("load: written to test/results/load.json, test/results/load.png and docs/performance.md");
process.exit(countErrors(report) === 0 ? 0 : 1);
