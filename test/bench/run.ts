/**
 * Runs the benches on Node, Bun and Deno in turn, writes what they measured to `test/results/bench.json` and
 * `test/bench/latest.json`, and puts the tables between the marks in README.md.
 *
 * Arguments: names of benches; without any, all.
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Measured } from "./harness.ts";
import { tables } from "./tables.ts";

const folder = fileURLToPath(new URL(".", import.meta.url));
const bin = join(folder, "../node_modules/.bin");
const LIMIT_MS = 300_000;

/** How each host runs a file, with its garbage collector exposed. */
const hosts: Record<string, string[]> = {
  Node: [process.execPath, "--expose-gc"],
  Bun: [join(bin, "bun")],
  Deno: [join(bin, "deno"), "run", "--allow-all", "--no-lock", "--v8-flags=--expose-gc"],
};

export const benches = ["mint", "validate", "take"];

/** What was measured: by bench, by host. */
export interface Results {
  date: string;
  machine: string;
  hosts: Record<string, string>;
  benches: Record<string, Record<string, Measured[]>>;
}

/** Runs a host to its end and returns what it printed. */
function run(host: string, args: string[]): string {
  const [command, ...first] = hosts[host]!;
  const done = spawnSync(command!, [...first, ...args], {
    encoding: "utf8",
    timeout: LIMIT_MS,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (done.status !== 0)
    throw new Error(`${args[0]} failed on ${host}: ${done.error?.message ?? `status ${done.status}`}`);
  return done.stdout;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !benches.includes(name));
if (unknown.length > 0)
  throw new Error(`there is no bench ${unknown.join(", ")}; there are ${benches.join(", ")}`);

const latest = join(folder, "latest.json");
const results: Results = {
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus().length} x ${cpus()[0]!.model.trim()}`,
  hosts: {},
  benches: {},
};
for (const host of Object.keys(hosts)) {
  const [command] = hosts[host]!;
  const version = spawnSync(command!, ["--version"], { encoding: "utf8", timeout: LIMIT_MS }).stdout;
  results.hosts[host] = version.match(/\d+\.\d+\.\d+/)![0];
}
if (wanted.length > 0) results.benches = (JSON.parse(readFileSync(latest, "utf8")) as Results).benches;
for (const bench of wanted.length > 0 ? wanted : benches) {
  const measured: Record<string, Measured[]> = {};
  for (const host of Object.keys(hosts)) {
    console.error(`bench: ${bench} on ${host}`);
    measured[host] = JSON.parse(run(host, [join(folder, `${bench}.ts`)])) as Measured[];
  }
  results.benches[bench] = measured;
}

const json = `${JSON.stringify(results, null, 2)}\n`;
mkdirSync(join(folder, "../results"), { recursive: true });
writeFileSync(join(folder, "../results/bench.json"), json);
writeFileSync(latest, json);

const markdown = tables(results);
console.log(markdown);

const readme = join(folder, "../../README.md");
const [start, end] = ["<!-- bench:start -->", "<!-- bench:end -->"];
const text = readFileSync(readme, "utf8");
const [from, to] = [text.indexOf(start), text.indexOf(end)];
if (from < 0 || to < from) throw new Error(`README.md has no ${start} and ${end} to put the tables between`);
writeFileSync(readme, `${text.slice(0, from + start.length)}\n${markdown}\n${text.slice(to)}`);
