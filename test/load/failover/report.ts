import { STORE_TIMEOUTS_MS } from "../../../runtime/ec/timeouts.ts";
import { twoColumns } from "../soak/memory.ts";
import { type FailoverReport, INSTANCES } from "./failover.ts";

/** What a quiet machine may add to the documented longest wait for the store. */
const SLACK_MS = 1000;

/** Everything that should not have been on a quiet machine. */
export function faultsOf({ faults, unexplained, tallies }: FailoverReport): string[] {
  const waits = (["page", "identify", "pixel"] as const).flatMap((kind) => {
    const longest = Math.round(tallies[kind]!.longestMs);
    return longest > STORE_TIMEOUTS_MS[kind] + SLACK_MS ? [`a visitor waited ${longest} ms: ${kind}`] : [];
  });
  return [...faults, ...unexplained, ...waits];
}

const whole = (value: number) => Math.round(value).toLocaleString("en");

/** A Markdown summary. */
export function failoverSummary(report: FailoverReport): string {
  const { runtime, seconds, tallies, failures, kept, limits, faults } = report;
  const recovery = (how: string) => {
    const times = failures.filter((each) => each.how === how).map(({ recoveredMs }) => recoveredMs / 1000);
    if (times.length === 0) return [];
    const [least, most] = [Math.min(...times), Math.max(...times)].map((time) => time.toFixed(1));
    return [`${times.length} ${how}: every instance writes again after ${least} to ${most} s`];
  };
  const of = (kind: string) => tallies[kind]!;
  const done = Object.values(tallies).reduce((sum, tally) => sum + tally.done + tally.refused, 0);
  const longest = ["page", "identify", "pixel"].map((kind) => `${kind} ${whole(of(kind).longestMs)} ms`);
  const share = ["identify", "pixel", "upload", "deletion"].map(
    (kind) => `${kind} ${whole(of(kind).refused)} of ${whole(of(kind).done + of(kind).refused)}`,
  );
  return twoColumns([
    [
      "time",
      `${(seconds / 60).toFixed(1)} min, ${INSTANCES} instances on ${runtime}, three masters with a replica each`,
    ],
    ["requests", `${whole(done)}, ${whole(done / seconds)} a second`],
    ["masters that failed", [...recovery("killed"), ...recovery("suspended")].join("; ")],
    ["pages with an error", whole(of("page").refused)],
    ["answers that said that the store is down", share.join(", ")],
    ["longest wait of a visitor", longest.join(", ")],
    [
      "acknowledged, and held against the store",
      `${whole(kept.pixels)} pixels, ${whole(kept.uploads)} uploads, ${whole(kept.deletions)} deletions: ` +
        (faults.length === 0 ? "all there" : `${faults.length} faults`),
    ],
    [
      "most within a window, and its limit",
      limits.map(({ most, limit }) => `${most} of ${limit}`).join(", "),
    ],
  ]);
}
