/**
 * Whether a server's memory grew over the long stretch after its last restart, and the curve of it.
 * @module
 */
import { lineChart } from "../../support/chart.ts";
import { percentile } from "../percentile.ts";
import type { Sample } from "./monitor.ts";

/** How much larger the memory may be at the end of the long stretch than at its beginning, beside 16 MiB. */
const GROWTH_FACTOR = 1.15;
const GROWTH_BYTES = 16 * 2 ** 20;
/** Samples of a part of the stretch below which nothing can be said. */
const FEWEST_SAMPLES = 10;

/** How the server was ended at some moment, to be started again. */
export interface Ending {
  /** Milliseconds since the epoch. */
  at: number;
  how: "killed" | "asked to end";
}

/** A server over its lives. */
export interface Lives {
  readonly runtime: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endings: readonly Ending[];
  readonly samples: readonly Sample[];
}

/** The memory over the long stretch after the last restart. */
export interface Memory {
  /** Median of its second quarter, once it is warm, in bytes. */
  beforeBytes: number;
  /** Median of its last quarter. */
  afterBytes: number;
  hasGrown: boolean;
}

/** @returns `null` if the stretch was too short to say. */
export function memoryOf({ samples, endings, startedAt }: Lives): Memory | null {
  const from = endings.at(-1)?.at ?? startedAt;
  const stretch = samples.filter(({ at }) => at > from).map(({ rssBytes }) => rssBytes);
  const quarter = stretch.length >> 2;
  if (quarter < FEWEST_SAMPLES) return null;
  const beforeBytes = percentile(stretch.slice(quarter, 2 * quarter), 0.5);
  const afterBytes = percentile(stretch.slice(-quarter), 0.5);
  return { beforeBytes, afterBytes, hasGrown: afterBytes > beforeBytes * GROWTH_FACTOR + GROWTH_BYTES };
}

/** Memory and delay over time, with what happened to the server. @param title of the chart @param rate what was done, in a few words */
export function livesChart({ samples, endings, startedAt }: Lives, title: string, rate: string): string {
  const second = (at: number) => Math.round((at - startedAt) / 100) / 10;
  const line = (name: string, value: (sample: Sample) => number) => ({
    name,
    points: samples.map((sample) => [second(sample.at), Math.round(value(sample) * 10) / 10] as const),
  });
  return lineChart({
    title,
    subtitle: `${rate}; dashed: the server was killed, or asked to end, and started again`,
    x: { name: "seconds", scale: "linear" },
    y: { name: "MiB; ms", scale: "linear" },
    series: [
      line("memory (RSS), MiB", ({ rssBytes }) => rssBytes / 2 ** 20),
      line("JavaScript heap, MiB", ({ heapBytes }) => heapBytes / 2 ** 20),
      line("longest event-loop delay of a second, ms", ({ longestMs }) => longestMs),
    ],
    marks: endings.map(({ at, how }) => ({ at: second(at), text: how })),
  });
}

/** The rows of a summary about memory and delays. */
export function livesRows(lives: Lives): [string, string][] {
  const memory = memoryOf(lives);
  const delays = lives.samples.map(({ delayMs }) => delayMs);
  const longest = lives.samples.map(({ longestMs }) => longestMs);
  return [
    [
      "memory after the last restart",
      memory === null
        ? "too short to say"
        : `${mib(memory.beforeBytes)} at first, ${mib(memory.afterBytes)} at the end`,
    ],
    [
      "event-loop delay",
      `median ${percentile(delays, 0.5).toFixed(1)} ms; the longest of a second: median ${percentile(longest, 0.5).toFixed(1)} ms, p99 ${percentile(longest, 0.99).toFixed(0)} ms`,
    ],
  ];
}

const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;

/** A table of two columns in Markdown. */
export function twoColumns(rows: readonly (readonly string[])[]): string {
  return [["soak", ""], ["---", "---"], ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
