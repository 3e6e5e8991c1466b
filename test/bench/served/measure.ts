/**
 * Measures the servers of `server.ts` over HTTP, in turn, round after round.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { generate } from "../../support/load-generator.ts";
import { type Spread, spreadOf } from "../harness.ts";
import type { Served } from "./server.ts";

/** What one server did. */
export interface ServedFigures {
  name: string;
  requestsPerSecond: Spread;
  /** The process's own time for a request, in microseconds; 0 where the system does not tell. */
  cpuMicros: Spread;
  p50Ms: Spread;
  p99Ms: Spread;
}

const CONNECTIONS = 16;
const ROUNDS = 9;
const TURN_MS = 1000;
const START_TIMEOUT_MS = 30_000;
/** The kernel counts a process's time in hundredths of a second. */
const TICK_MICROS = 10_000;

/** The time that a process has taken so far, in microseconds. */
function cpuMicros(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS;
  } catch {
    return 0; // not a Linux
  }
}

/** Starts the servers on a runtime, measures them, and ends them. */
export async function measureServed(runtime: string, command: readonly string[]): Promise<ServedFigures[]> {
  const script = fileURLToPath(new URL("server.ts", import.meta.url));
  const child = spawn(command[0]!, [...command.slice(1), script, runtime], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const line = await Promise.race([
      once(child.stdout, "data"),
      once(child, "exit").then(() => Promise.reject(new Error(`the servers on ${runtime} ended`))),
      new Promise<never>((_, reject) => {
        setTimeout(reject, START_TIMEOUT_MS, new Error(`no servers on ${runtime}`)).unref();
      }),
    ]);
    const { pid, servers } = JSON.parse(String(line[0])) as Served;
    const rounds = Object.keys(servers).map((name) => ({
      name,
      requestsPerSecond: [] as number[],
      cpuMicros: [] as number[],
      p50Ms: [] as number[],
      p99Ms: [] as number[],
    }));
    for (let round = -1; round < ROUNDS; round++) {
      for (const { name, ...figures } of rounds) {
        const before = cpuMicros(pid);
        const load = { ...servers[name]!, connections: CONNECTIONS, durationMs: TURN_MS };
        const { requests, errors, seconds, p50Ms, p99Ms } = await generate(load);
        if (errors > 0) throw new Error(`${name} on ${runtime}: ${errors} of ${requests} requests failed`);
        if (round < 0) continue; // warming up
        figures.requestsPerSecond.push(requests / seconds);
        figures.cpuMicros.push((cpuMicros(pid) - before) / requests);
        figures.p50Ms.push(p50Ms);
        figures.p99Ms.push(p99Ms);
      }
    }
    return rounds.map(({ name, ...figures }) => ({
      name,
      requestsPerSecond: spreadOf(figures.requestsPerSecond),
      cpuMicros: spreadOf(figures.cpuMicros),
      p50Ms: spreadOf(figures.p50Ms),
      p99Ms: spreadOf(figures.p99Ms),
    }));
  } finally {
    child.stdin.end();
    const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
    if (child.exitCode === null) await once(child, "exit");
    clearTimeout(timer);
  }
}
