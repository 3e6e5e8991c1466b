/**
 * Real browsers visit a site, first alone and then beside an HTTP load generator. Prints a table and writes
 * test/results/load.json and load.png; with `--write` also the chart and the table of docs/performance.md.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { writeBetween } from "../../bench/marks.ts";
import { describeProvenance, provenanceHere } from "../../bench/provenance.ts";
import { noChromium } from "../../support/chromium.ts";
import { root } from "../../support/spawn.ts";
import { readToolOptions, WRITE } from "../../support/tool-options.ts";
import { runLoad } from "./load.ts";
import { countErrors, loadChart, loadTable, writeResults } from "./report.ts";

const {
  values: { write, ...options },
} = readToolOptions({
  name: "load",
  summary: "Measures pages in real browsers, alone and while a load generator keeps the server busy.",
  options: {
    seconds: { default: 45, summary: "duration of each of the two phases" },
    visitors: { default: 4, summary: "number of browsers at once" },
    connections: { default: 16, summary: "connections of the load generator" },
    write: WRITE,
  },
});
const log = (text: string) => console.error(`load: ${text}`);
if (noChromium !== undefined) {
  log(noChromium);
  process.exit(1);
}
const report = await runLoad({ ...options, log });
const table = loadTable(report);
const provenance = provenanceHere();

await writeResults({ provenance, ...report }, join(root, "test/results"));
console.log(table);
const faults = [...report.quiet, ...report.busy].filter(({ fault }) => fault !== null);
for (const { step, fault } of faults.slice(0, 10)) log(`${step}: ${fault}`);
if (report.log !== "") log(`errors of the server:\n${report.log.slice(0, 2000)}`);
log("the figures are in test/results/load.json and test/results/load.png");
if (write) {
  mkdirSync(join(root, "docs/performance"), { recursive: true });
  writeFileSync(join(root, "docs/performance/load.svg"), loadChart(report));
  const note = `Measured on ${describeProvenance([provenance])}.`;
  writeBetween(
    join(root, "docs/performance.md"),
    "load",
    `![A page as visitors' browsers see it](performance/load.svg)\n\n${table}\n\n${note}`,
  );
  log("docs/performance.md and docs/performance/load.svg are updated");
}
process.exit(countErrors(report) === 0 ? 0 : 1);
