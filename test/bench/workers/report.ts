/**
 * The figures of several processes as a table.
 * @module
 */

import { markdownTable } from "../markdown-table.ts";
import { type Provenance, provenanceLine } from "../provenance.ts";

/** Medians of one number of processes under load. */
export interface WorkersFigures {
  readonly processes: number;
  readonly perSecond: number;
  readonly cpuMicros: number;
  readonly p99Ms: number;
}

/** What N processes are to reach: this times N times the requests a second of one. */
export const WORKERS_REACH = 0.8;

/** A table of all runtimes; the first row of each is one process. */
export function workersTable(
  workers: Readonly<Record<string, readonly WorkersFigures[]>>,
  provenance: Readonly<Record<string, Provenance>>,
): string {
  const rows = Object.entries(workers).flatMap(([host, figures]) =>
    figures.map((each) => [
      host,
      String(each.processes),
      Math.round(each.perSecond).toLocaleString("en"),
      each.cpuMicros.toFixed(1),
      each.p99Ms.toFixed(2),
      (each.perSecond / figures[0]!.perSecond).toFixed(2),
    ]),
  );
  const head = ["runtime", "processes", "requests/s", "CPU µs a request", "p99 ms", "requests/s beside one"];
  return `${markdownTable([head, ...rows])}\n\n${provenanceLine(provenance)}`;
}
