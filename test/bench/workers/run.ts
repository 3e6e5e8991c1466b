/**
 * `millrace serve --workers N` beside `--workers 1`, in turn, in one run: requests a second of `/identify` on SQLite, and the
 * processor time of all of the server's processes for a request. The load (wrk) runs on the same processors, so the ratio of the
 * requests a second is below what a machine of their own would give; the processor time for a request is not affected.
 * Prints a table and writes the figures to `test/results/workers.json`; with `--write` also to the documentation.
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { configFile } from "../../support/config-file.ts";
import { generate } from "../../support/load-generator.ts";
import { type ProcessRuntime, root, runtimes } from "../../support/spawn.ts";
import { type RunningProgram, startProgram } from "../../support/start-program.ts";
import { readToolOptions, WRITE } from "../../support/tool-options.ts";
import { writeDocuments } from "../documents.ts";
import { spreadOf } from "../harness.ts";
import { latestEdgeCookie, saveEdgeCookie } from "../latest.ts";
import { type Provenance, provenanceHere } from "../provenance.ts";
import { hostOf, mergeResults, type Results } from "../results.ts";
import { type WorkersFigures, workersTable } from "./report.ts";

const RUNTIMES = Object.keys(runtimes) as ProcessRuntime[];
const { values, names } = readToolOptions({
  name: "bench:workers",
  summary: "Measures millrace serve with N processes beside one, and prints a table.",
  names: { placeholder: "RUNTIME", summary: "runtimes to measure (default: all)", all: RUNTIMES },
  options: {
    rounds: { default: 5, summary: "number of rounds" },
    workers: { default: availableParallelism(), min: 2, summary: "number of processes" },
    "warm-up": { default: 5, summary: "seconds of load on each server before the rounds" },
    write: WRITE,
  },
});
const TURN_S = 3;
/** Connections for each process: what a process does at once for all that wait is then the same. */
const CONNECTIONS = 32;
/** The kernel counts a process's time in hundredths of a second. */
const TICK_MICROS = 10_000;

const folder = mkdtempSync(join(tmpdir(), "millrace-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
process.on("SIGTERM", () => process.exit(1)).on("SIGINT", () => process.exit(1));

const site = createServer((_request, response) => response.end("page"));
await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));

interface Turn {
  perSecond: number;
  cpuMicros: number;
  p99Ms: number;
}

/** Processor time of a process and its children, in microseconds. */
function microsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean),
  );
  const own = (Number(stat[11]) + Number(stat[12])) * TICK_MICROS;
  return children.reduce((sum, child) => sum + microsOf(Number(child)), own);
}

function start(runtime: ProcessRuntime, workers: number): Promise<RunningProgram> {
  const config = join(folder, `${runtime}-${workers}.json`);
  const content = configFile({
    listen: { port: 0 },
    store: `sqlite:${join(folder, `${runtime}-${workers}.db`)}`,
    publisher: {
      domain: "site.example",
      origin: `http://127.0.0.1:${(site.address() as AddressInfo).port}`,
    },
    passphrases: ["publisher-chosen-secret"],
    consent: { assumeCountry: "JP" },
  });
  writeFileSync(config, JSON.stringify(content));
  const [command, ...args] = runtimes[runtime];
  return startProgram({
    command,
    args: [...args, "worker/cli/main.ts", "serve", "--workers", String(workers), "--config", config],
    cwd: root,
    ready: /listening on (http:\S+)/,
  });
}

/** Loads a server. @param seconds duration */
async function turn(
  { pid, url }: RunningProgram,
  workers: number,
  id: string,
  seconds: number,
): Promise<Turn> {
  const before = microsOf(pid);
  const { requests, errors, p99Ms, ...took } = await generate({
    url: `${url}/identify`,
    headers: { cookie: `ts-ec=${id}` },
    ...{ connections: CONNECTIONS * workers, durationMs: seconds * 1000 },
  });
  if (errors > 0) throw new Error(`${errors} requests failed`);
  return {
    perSecond: requests / took.seconds,
    cpuMicros: (microsOf(pid) - before) / requests,
    p99Ms,
  };
}

const versionOf = (runtime: ProcessRuntime) =>
  /\d+\.\d+\.\d+/.exec(spawnSync(runtimes[runtime][0], ["--version"], { encoding: "utf8" }).stdout)![0];
const workers: Record<string, WorkersFigures[]> = {};
const provenance: Record<string, Provenance> = {};
const medianOf = (turns: readonly Turn[], figure: keyof Turn) =>
  spreadOf(turns.map((each) => each[figure])).median;

for (const runtime of RUNTIMES.filter((name) => names.length === 0 || names.includes(name))) {
  const counts = [1, values.workers];
  const servers = await Promise.all(counts.map((count) => start(runtime, count)));
  const ids = await Promise.all(
    servers.map(async ({ url }) => (await fetch(url)).headers.get("x-ts-ec") ?? ""),
  );
  console.error(`bench: several processes on ${runtime}`);
  for (const [i, server] of servers.entries()) await turn(server, counts[i]!, ids[i]!, values["warm-up"]);
  const turns: Record<number, Turn[]> = Object.fromEntries(counts.map((count) => [count, []]));
  for (let round = 0; round < values.rounds; round++) {
    for (const [i, count] of counts.entries())
      turns[count]!.push(await turn(servers[i]!, count, ids[i]!, TURN_S));
  }
  await Promise.all(servers.map((server) => server.stop()));
  const host = hostOf(runtime);
  workers[host] = counts.map((processes) => ({
    processes,
    perSecond: medianOf(turns[processes]!, "perSecond"),
    cpuMicros: medianOf(turns[processes]!, "cpuMicros"),
    p99Ms: medianOf(turns[processes]!, "p99Ms"),
  }));
  provenance[host] = provenanceHere({ [host]: versionOf(runtime) });
}
console.log(workersTable(workers, provenance));
const results: Results = { provenance: { workers: provenance }, benches: {}, workers };
mkdirSync(join(root, "test/results"), { recursive: true });
writeFileSync(join(root, "test/results/workers.json"), `${JSON.stringify(results, null, 2)}\n`);
if (values.write) {
  saveEdgeCookie(mergeResults(latestEdgeCookie(), results));
  for (const file of writeDocuments()) console.error(`bench: ${file} is updated`);
}
site.close();
