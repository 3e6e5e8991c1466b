/**
 * Runs the benches on Node, Bun and Deno in turn. Writes what they measured to `test/results/bench.json` and
 * `test/bench/latest.json`, the summary to README.md, the details and a chart to docs/performance.md.
 *
 * Arguments: names of benches, to measure only those and keep the figures of the others; without any, all. With
 * `--render` nothing is measured: the last figures are written and judged anew.
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { root } from "../support/spawn.ts";
import { coldTable } from "./cold-table.ts";
import { writeBetween } from "./marks.ts";
import { BENCHES, type Bench, type InProcess, type Results } from "./results.ts";
import { measureServed } from "./served/measure.ts";
import { summary, summaryChart } from "./summary.ts";
import { tables } from "./tables.ts";

const bin = join(root, "test/node_modules/.bin");
const LIMIT_MS = 600_000;

/** How each host runs a file, with its garbage collector exposed. */
const hosts: Record<string, string[]> = {
  Node: [process.execPath, "--expose-gc"],
  Bun: [join(bin, "bun")],
  Deno: [join(bin, "deno"), "run", "--allow-all", "--no-lock", "--v8-flags=--expose-gc"],
};

/** Runs a program to its end; what it printed. */
function run([command, ...args]: string[]): string {
  const done = spawnSync(command!, args, {
    encoding: "utf8",
    timeout: LIMIT_MS,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (done.status !== 0)
    throw new Error(`${args.at(-1)} failed: ${done.error?.message ?? `status ${done.status}`}`);
  return done.stdout;
}

const script = (bench: Bench) => join(root, "test/bench", `${bench}.ts`);

async function measureBench(bench: Bench, results: Results): Promise<void> {
  if (bench === "cold-start") {
    results.coldStarts = JSON.parse(run([process.execPath, script(bench)]));
    return;
  }
  for (const [host, command] of Object.entries(hosts)) {
    console.error(`bench: ${bench} on ${host}`);
    if (bench === "served") {
      results.served = { ...results.served, [host]: await measureServed(host.toLowerCase(), command) };
    } else {
      const measured = JSON.parse(run([...command, script(bench)]));
      results.benches[bench as InProcess] = { ...results.benches[bench as InProcess], [host]: measured };
    }
  }
}

const isRender = process.argv.includes("--render");
const wanted = process.argv.slice(2).filter((argument) => argument !== "--render");
const unknown = wanted.filter((name) => !(BENCHES as readonly string[]).includes(name));
if (unknown.length > 0) {
  console.error(`bench: there is no bench ${unknown.join(", ")}; there are ${BENCHES.join(", ")}`);
  process.exit(2);
}

const latest = join(root, "test/bench/latest.json");
const isAnew = wanted.length === 0 && !isRender;
const before: Partial<Results> =
  !isAnew && existsSync(latest) ? JSON.parse(readFileSync(latest, "utf8")) : {};
const now = (): Omit<Results, "benches"> => ({
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus().length} x ${cpus()[0]!.model.trim()}`,
  hosts: Object.fromEntries(
    Object.entries(hosts).map(([host, [command]]) => [
      host,
      run([command!, "--version"]).match(/\d+\.\d+\.\d+/)![0],
    ]),
  ),
});
const results = { benches: {}, ...before, ...(isRender ? {} : now()) } as Results;
if (!isRender) {
  for (const bench of wanted.length > 0 ? (wanted as Bench[]) : BENCHES) await measureBench(bench, results);
}

const json = `${JSON.stringify(results, null, 2)}\n`;
mkdirSync(join(root, "test/results"), { recursive: true });
writeFileSync(join(root, "test/results/bench.json"), json);
writeFileSync(latest, json);

const chart = "docs/performance/ratios.svg";
mkdirSync(join(root, "docs/performance"), { recursive: true });
writeFileSync(join(root, chart), summaryChart(results));
const note = `Medians of rounds in turn on ${results.machine}, ${results.date}.`;
writeBetween(join(root, "README.md"), "bench", `${summary(results)}\n\n${note}`);
writeBetween(
  join(root, "docs/performance.md"),
  "bench",
  `![Measured, as a share of what is to be reached](performance/ratios.svg)\n\n${summary(results)}\n\n${note}\n\n${tables(results)}`,
);
if (results.coldStarts !== undefined) {
  writeBetween(join(root, "docs/performance.md"), "hosts", coldTable(results.coldStarts));
}
console.log(`${summary(results)}\n\n${tables(results)}`);
if (results.coldStarts !== undefined) console.log(`\n${coldTable(results.coldStarts)}`);
console.error(`bench: written to README.md, docs/performance.md, ${chart} and test/results/bench.json`);
process.exit(0);
