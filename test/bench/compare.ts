/**
 * Both tables in one go, for a stranger: installs the others from their registries, measures each part in turn, and prints the tables.
 * With `--write` each part updates the figures that README.md and docs/performance.md show.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { installPrograms } from "../../scripts/apt.ts";
import { installNgitGrasp } from "../../scripts/cargo-tools.ts";
import { git, ip, nginx, type Program, wrk } from "../support/programs.ts";
import { root } from "../support/spawn.ts";
import { readToolOptions, WRITE } from "../support/tool-options.ts";
import { bothTables, writeDocuments } from "./documents.ts";
import { mergeGrasp } from "./grasp/report.ts";
import { latestEdgeCookie, latestGrasp } from "./latest.ts";
import { notReached, withoutEntry, writtenEntries } from "./not-reached.ts";
import { mergeResults } from "./results.ts";

/** One part of the comparison. */
interface Part {
  readonly summary: string;
  readonly script: string;
  readonly args: readonly string[];
  /** How long it takes, in minutes, about. */
  readonly minutes: number;
  readonly programs: readonly Program[];
  /** Installs what the package manager of the system does not have. @returns whether it is there now */
  install?(): boolean;
}

const NAMES = ["edge-cookie", "proxy", "workers", "grasp"] as const;
const { values, names } = readToolOptions({
  name: "compare",
  summary:
    "Installs the implementations and servers that millrace is compared with, measures all in turn, and prints both tables.",
  names: { placeholder: "PART", summary: "parts to measure (default: all)", all: NAMES },
  options: {
    size: {
      choices: ["full", "medium", "quick", "tiny"],
      summary: "GRASP's data, as in npm run bench:grasp -- --help; tiny: some rows, to see that it runs",
    },
    repetitions: { default: 5, min: 1, summary: "rounds of the proxy, the workers and GRASP" },
    show: { switch: true, summary: "measure nothing: print the last figures" },
    write: WRITE,
  },
});

const { size, repetitions } = values;
const isTiny = size === "tiny";
if (isTiny && values.write) {
  console.error("compare: --size tiny measures nothing that --write may show");
  process.exit(2);
}
/** Some rows on little data. */
const TINY = [
  ...["live", "clone", "memory", "--events", "100", "--refs", "20", "--large", "1", "--commits", "10"],
  ...["--clients", "2", "--subscribers", "5", "--peer", "10", "--repetitions", "1"],
];
const rounds = isTiny ? ["node", "--rounds", "1", "--warm-up", "1"] : ["--rounds", String(repetitions)];
const parts: Readonly<Record<(typeof NAMES)[number], Part>> = {
  "edge-cookie": {
    summary: "the hot path, the engine and Edge Cookie beside packages of npm, on Node, Bun and Deno",
    script: "run.ts",
    args: isTiny ? ["mint", "served"] : [],
    minutes: isTiny ? 0.3 : 14,
    programs: [],
  },
  proxy: {
    summary: "millrace serve beside other proxies and nginx",
    script: "proxy/run.ts",
    args: rounds,
    minutes: isTiny ? 1 : 2 + 4 * repetitions,
    programs: [nginx, wrk],
  },
  workers: {
    summary: "several processes beside one",
    script: "workers/run.ts",
    args: rounds,
    minutes: isTiny ? 0.3 : 1 + 0.4 * repetitions,
    programs: [],
  },
  grasp: {
    summary: "GRASP beside ngit-grasp",
    script: "grasp/run.ts",
    args: isTiny ? TINY : ["--repetitions", String(repetitions), ...(size === "full" ? [] : [`--${size}`])],
    minutes: {
      ...{ full: 25 + 7 * repetitions, medium: 12 + 2.5 * repetitions },
      ...{ quick: 8 + repetitions, tiny: 0.7 },
    }[size],
    programs: [git, ip],
    install: installNgitGrasp,
  },
};

const say = (text: string) => console.error(`compare: ${text}`);
const shown = (minutes: number) => (minutes < 1 ? "less than a minute" : `${Math.ceil(minutes)} min`);

/** Runs a part, and shows what it says with the time left. @returns whether it succeeded */
async function measure(part: Part, position: string, after: number): Promise<boolean> {
  const began = performance.now();
  const args = [join(root, "test/bench", part.script), ...part.args, ...(values.write ? ["--write"] : [])];
  // Its tables are part of the tables at the end.
  const env = isTiny ? { ...process.env, BENCH_TINY: "1" } : process.env;
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", "ignore", "pipe"] });
  const stop = (signal: NodeJS.Signals) => {
    child.kill(signal);
    child.once("close", () => process.exit(1));
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  createInterface(child.stderr).on("line", (line) => {
    const left = Math.max(0, part.minutes - (performance.now() - began) / 60_000) + after;
    console.error(`[part ${position}, about ${shown(left)} left] ${line}`);
  });
  const [code] = await once(child, "close");
  process.off("SIGINT", stop).off("SIGTERM", stop);
  return code === 0;
}

const wanted = values.show ? [] : NAMES.filter((name) => names.length === 0 || names.includes(name));
const failed: string[] = [];
for (const [index, name] of wanted.entries()) {
  const part = parts[name];
  const after = wanted.slice(index + 1).reduce((sum, each) => sum + parts[each].minutes, 0);
  say(`${name}: ${part.summary}; about ${shown(part.minutes)}, and ${shown(after)} for the parts after it`);
  const isThere = installPrograms(part.programs).length === 0 && (part.install?.() ?? true);
  if (!isThere || !(await measure(part, `${index + 1} of ${wanted.length}`, after))) failed.push(name);
}

/** What a part of this run wrote to test/results. */
const measured = (name: string) => JSON.parse(readFileSync(join(root, `test/results/${name}.json`), "utf8"));
const has = (name: (typeof NAMES)[number]) => wanted.includes(name) && !failed.includes(name);
let [edgeCookie, grasp] = [latestEdgeCookie(), latestGrasp()];
if (has("edge-cookie")) edgeCookie = mergeResults(edgeCookie, measured("bench"));
if (has("proxy")) edgeCookie = mergeResults(edgeCookie, measured("proxy"));
if (has("workers")) edgeCookie = mergeResults(edgeCookie, measured("workers"));
if (has("grasp")) {
  const newer: typeof grasp = measured("grasp");
  const rows = [...newer.measured, ...newer.missing].map(({ row }) => row);
  grasp = mergeGrasp(grasp, newer, rows);
}
if (values.show && values.write) for (const file of writeDocuments()) say(`${file} is updated`);
console.log(bothTables(edgeCookie, grasp));
const unexplained = withoutEntry(notReached(edgeCookie, grasp), writtenEntries());
if (unexplained.length > 0) {
  say(`these rows are not reached and have no entry in docs/performance.md: ${unexplained.join("; ")}`);
}
for (const name of failed) say(`${name} was not measured (see above)`);
process.exit(failed.length === 0 ? 0 : 1);
