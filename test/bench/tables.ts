import type { Measured, Spread } from "./harness.ts";
import { markdownTable } from "./markdown-table.ts";
import { type InProcess, type Results, versionsOf } from "./results.ts";
import type { ServedFigures } from "./served/measure.ts";

const titles: Record<InProcess, string> = {
  mint: "Mint an EC id",
  validate: "Validate an EC id",
  take: "Take from a window, 300,000 keys",
  partners: "A page for a returning visitor, in the process",
  batch: "1,000 rows on SQLite",
  engine: "Sync engine: pick, reserve, release",
};

/** A time in nanoseconds with three significant digits. */
function time(ns: number): string {
  if (ns < 1000) return `${Math.round(ns)} ns`;
  return ns < 1e6 ? `${(ns / 1000).toPrecision(3)} µs` : `${(ns / 1e6).toPrecision(3)} ms`;
}

/** The other's figure as a multiple of ours. */
const times = (other: number, ours: number) => `${Number((other / ours).toPrecision(2))}x`;

function cell(measured: Measured, ours: Measured): string {
  const ratio = measured === ours ? "" : ` (${times(measured.nsPerOp, ours.nsPerOp)})`;
  if (measured.bytesPerKey === undefined) return time(measured.nsPerOp) + ratio;
  const memory = measured === ours ? "" : ` (${times(measured.bytesPerKey, ours.bytesPerKey!)})`;
  return `${time(measured.nsPerOp)}${ratio}, ${measured.bytesPerKey} B a key${memory}`;
}

function inProcessTable(bench: InProcess, measured: Record<string, Measured[]>, results: Results): string {
  const hosts = Object.keys(measured);
  const names = measured[hosts[0]!]!.map(({ name }) => name);
  return markdownTable([
    [titles[bench], ...hosts.map((host) => `${host} ${versionsOf(results, host, [bench])}`)],
    ...names.map((name, i) => [name, ...hosts.map((host) => cell(measured[host]![i]!, measured[host]![0]!))]),
  ]);
}

const range = ({ median, low, high }: Spread, digits: number) =>
  `${median.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;

function servedTable(host: string, rows: ServedFigures[], results: Results): string {
  return markdownTable([
    [
      `Over HTTP on ${host} ${versionsOf(results, host, ["served"])}`,
      "requests/s",
      "the process's µs a request",
      "p50 ms",
      "p99 ms",
    ],
    ...rows.map(({ name, requestsPerSecond, cpuMicros, p50Ms, p99Ms }) => [
      name,
      range(requestsPerSecond, 0),
      range(cpuMicros, 1),
      range(p50Ms, 2),
      range(p99Ms, 2),
    ]),
  ]);
}

/**
 * Markdown tables of all figures: a row for each contender, ours first, and a column for each host; in parentheses the
 * others as a multiple of ours. For HTTP a table for each host, with the middle half of the rounds.
 */
export function tables(results: Results): string {
  const inProcess = Object.entries(results.benches).map(([bench, measured]) =>
    inProcessTable(bench as InProcess, measured, results),
  );
  const served = Object.entries(results.served ?? {}).map(([host, rows]) => servedTable(host, rows, results));
  return [...inProcess, ...served].join("\n\n");
}
