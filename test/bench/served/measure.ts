/**
 * Measures the servers of `server.ts` over HTTP, in turn, round after round.
 * @module
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { generate } from "../../support/load-generator.ts";
import { startProgram } from "../../support/start-program.ts";
import { isTiny, type Spread, spreadOf } from "../harness.ts";
import type { Served } from "./server.ts";

/** The figures of one server. */
export interface ServedFigures {
  name: string;
  requestsPerSecond: Spread;
  /** Processor time for a request, in microseconds; 0 where the system does not report it. */
  cpuMicros: Spread;
  p50Ms: Spread;
  p99Ms: Spread;
}

const CONNECTIONS = 16;
const ROUNDS = isTiny ? 1 : 9;
const TURN_MS = isTiny ? 50 : 1000;
/** The kernel counts a process's time in hundredths of a second. */
const TICK_MICROS = 10_000;

/** Processor time of a process so far, in microseconds. */
function cpuMicros(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS;
  } catch {
    return 0; // Not Linux.
  }
}

/** Starts the servers on a runtime, measures them, and ends them. */
export async function measureServed(runtime: string, command: readonly string[]): Promise<ServedFigures[]> {
  const script = fileURLToPath(new URL("server.ts", import.meta.url));
  const program = await startProgram({
    command: command[0]!,
    args: [...command.slice(1), script, runtime],
    ready: /^\{.*\}$/m,
    onLogLine: (line) => console.error(line),
  });
  try {
    const { pid, servers } = JSON.parse(program.output()) as Served;
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
    await program.stop();
  }
}
