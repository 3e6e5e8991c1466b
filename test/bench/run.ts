/**
 * Runs the benches on Node, Bun and Deno in turn. Prints tables and writes the figures, with the machine, the day and the
 * versions of each, to `test/results/bench.json`. With `--write` it also updates `test/bench/latest.json` and what README.md and
 * docs/performance.md show of it; benches that were not named keep their last figures.
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root, runtimes } from "../support/spawn.ts";
import { readToolOptions, WRITE } from "../support/tool-options.ts";
import { coldTable } from "./cold-table.ts";
import { writeDocuments } from "./documents.ts";
import { latestEdgeCookie, saveEdgeCookie } from "./latest.ts";
import { type Provenance, provenanceHere } from "./provenance.ts";
import { BENCHES, type Bench, HOSTS, type InProcess, mergeResults, type Results } from "./results.ts";
import { measureServed } from "./served/measure.ts";
import { summary } from "./summary.ts";
import { tables } from "./tables.ts";

const TIMEOUT_MS = 600_000;

/** How each host runs a file with its garbage collector exposed. */
const COMMANDS: Record<(typeof HOSTS)[number], string[]> = {
  Node: [process.execPath, "--expose-gc"],
  Bun: [runtimes.bun[0]],
  Deno: [runtimes.deno[0], "run", "--allow-all", "--no-lock", "--v8-flags=--expose-gc"],
};

/** Runs a program to its end. @returns its output. */
function run([command, ...args]: string[]): string {
  const done = spawnSync(command!, args, {
    encoding: "utf8",
    timeout: TIMEOUT_MS,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (done.status !== 0)
    throw new Error(`Cannot run ${args.at(-1)}: ${done.error?.message ?? `it ended with ${done.status}`}`);
  return done.stdout;
}

const versionOf = (host: keyof typeof COMMANDS) =>
  run([COMMANDS[host][0]!, "--version"]).match(/\d+\.\d+\.\d+/)![0];

const script = (bench: Bench) => join(root, "test/bench", `${bench}.ts`);

/** Runs one bench on all its hosts. */
async function measureBench(bench: Bench): Promise<Results> {
  if (bench === "cold-start") {
    const versions = Object.fromEntries(HOSTS.map((host) => [host, versionOf(host)]));
    const coldStarts = JSON.parse(run([process.execPath, script(bench)]));
    return { provenance: { [bench]: { all: provenanceHere(versions) } }, benches: {}, coldStarts };
  }
  const provenance: Record<string, Provenance> = {};
  const figures: Record<string, never> = {};
  for (const host of HOSTS) {
    console.error(`bench: ${bench} on ${host}`);
    const measure = async () =>
      bench === "served"
        ? await measureServed(host.toLowerCase(), COMMANDS[host])
        : JSON.parse(run([...COMMANDS[host], script(bench)]));
    figures[host] = (await measure()) as never;
    provenance[host] = provenanceHere({ [host]: versionOf(host) });
  }
  const results: Results = { provenance: { [bench]: provenance }, benches: {} };
  if (bench === "served") results.served = figures;
  else results.benches[bench as InProcess] = figures;
  return results;
}

const { values, names } = readToolOptions({
  name: "bench",
  summary: "Measures millrace beside other implementations on Node, Bun and Deno, and prints tables.",
  names: { placeholder: "NAME", summary: "benches to run (default: all)", all: BENCHES },
  options: { write: WRITE },
});
let results: Results = { provenance: {}, benches: {} };
for (const bench of BENCHES.filter((each) => names.length === 0 || names.includes(each))) {
  results = mergeResults(results, await measureBench(bench));
}
mkdirSync(join(root, "test/results"), { recursive: true });
writeFileSync(join(root, "test/results/bench.json"), `${JSON.stringify(results, null, 2)}\n`);
console.error("bench: the figures are in test/results/bench.json");
console.log(`${summary(results)}\n\n${tables(results)}`);
if (results.coldStarts !== undefined) console.log(`\n${coldTable(results.coldStarts)}`);
if (values.write) {
  saveEdgeCookie(mergeResults(latestEdgeCookie(), results));
  for (const file of writeDocuments()) console.error(`bench: ${file} is updated`);
}
process.exit(0);
