import { lineChart } from "../../support/chart.ts";
import { percentile } from "../percentile.ts";
import type { SoakReport } from "./soak.ts";

/** How much larger the memory may be at the end of the long stretch than at its beginning, beside 16 MiB. */
const GROWTH_FACTOR = 1.15;
const GROWTH_BYTES = 16 * 2 ** 20;
/** Samples of a part of the stretch below which nothing can be said. */
const FEWEST_SAMPLES = 10;

/** The memory over the long stretch after the last restart. */
export interface Memory {
  /** Median of its second quarter, once it is warm, in bytes. */
  beforeBytes: number;
  /** Median of its last quarter. */
  afterBytes: number;
  hasGrown: boolean;
}

/** @returns `null` if the stretch was too short to say. */
export function memoryOf({ samples, endings, startedAt }: SoakReport): Memory | null {
  const from = endings.at(-1)?.at ?? startedAt;
  const stretch = samples.filter(({ at }) => at > from).map(({ rssBytes }) => rssBytes);
  const quarter = stretch.length >> 2;
  if (quarter < FEWEST_SAMPLES) return null;
  const beforeBytes = percentile(stretch.slice(quarter, 2 * quarter), 0.5);
  const afterBytes = percentile(stretch.slice(-quarter), 0.5);
  return { beforeBytes, afterBytes, hasGrown: afterBytes > beforeBytes * GROWTH_FACTOR + GROWTH_BYTES };
}

/** Everything that should not have been. */
export function faultsOf(report: SoakReport): string[] {
  const { audit, beside, counts, faults, log } = report;
  const all = [...faults, ...audit.faults, ...log];
  if (audit.unacknowledged > counts.unansweredMints) {
    all.push(`${audit.unacknowledged} entries of which nobody was told`);
  }
  if (beside !== null && beside.errors > 0)
    all.push(`${beside.errors} of the generator's requests went wrong while the server was up`);
  if (memoryOf(report)?.hasGrown) all.push("the memory grew");
  return all;
}

const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
const whole = (value: number) => Math.round(value).toLocaleString("en");

/** A Markdown summary. */
export function soakSummary(report: SoakReport): string {
  const { runtime, seconds, requests, beside, waiting, endings, counts, audit, samples } = report;
  const memory = memoryOf(report);
  const count = (how: string) => endings.filter((ending) => ending.how === how).length;
  const delays = samples.map(({ delayMs }) => delayMs);
  const longest = samples.map(({ longestMs }) => longestMs);
  const kept = audit.faults.length === 0 ? "all there" : `${audit.faults.length} faults`;
  const rows = [
    ["time", `${(seconds / 60).toFixed(1)} min on ${runtime}, SQLite`],
    ["requests", `${whole(requests)}, ${whole(requests / seconds)} a second`],
    [
      "the generator beside them, after the last restart",
      beside === null
        ? "nothing"
        : `${beside.generator}: ${whole(beside.requests)} pages, ${whole(beside.requests / beside.seconds)} a second, ${beside.errors} errors, p99 ${beside.p99Ms.toFixed(0)} ms`,
    ],
    [
      "ended and started again",
      `${count("killed")} times by SIGKILL, ${count("asked to end")} times by SIGTERM`,
    ],
    [
      "acknowledged",
      `${whole(counts.minted)} ids (${whole(counts.consented)} of them to visitors who were asked), ${whole(counts.uploaded)} uploaded mappings, ${whole(counts.pixels)} pixels, ${whole(counts.withdrawn)} withdrawals`,
    ],
    ["held against the store", kept],
    [
      "live entries",
      `${whole(audit.live)}: ${whole(audit.expected)} acknowledged, ${audit.unacknowledged} from ${counts.unanswered} requests that a kill left without an answer, ${audit.live - audit.expected - audit.unacknowledged} whose withdrawal was one of them`,
    ],
    [
      "memory after the last restart",
      memory === null
        ? "too short to say"
        : `${mib(memory.beforeBytes)} at first, ${mib(memory.afterBytes)} at the end`,
    ],
    ["visitors waiting for partners at the end", whole(waiting)],
    [
      "event-loop delay",
      `median ${percentile(delays, 0.5).toFixed(1)} ms; the longest of a second: median ${percentile(longest, 0.5).toFixed(1)} ms, p99 ${percentile(longest, 0.99).toFixed(0)} ms`,
    ],
  ];
  return [["soak", ""], ["---", "---"], ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Memory and delay over time, with what happened to the server. */
export function soakChart({ samples, endings, startedAt, runtime, requests, seconds }: SoakReport): string {
  const second = (at: number) => Math.round((at - startedAt) / 100) / 10;
  const line = (name: string, value: (sample: (typeof samples)[number]) => number) => ({
    name,
    points: samples.map((sample) => [second(sample.at), Math.round(value(sample) * 10) / 10] as const),
  });
  return lineChart({
    title: `A soak on ${runtime}`,
    subtitle: `${whole(requests / seconds)} requests a second; dashed: the server was killed, or asked to end, and started again`,
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
