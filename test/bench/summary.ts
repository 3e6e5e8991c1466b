import { barChart } from "../support/chart.ts";
import { markdownTable } from "./markdown-table.ts";
import { describeRun, Runs } from "./provenance.ts";
import { hostsOf, type Results, versionsOf } from "./results.ts";
import { TARGETS, type Target } from "./targets.ts";

/** Maximum length of a bar. */
const MOST_SHARE = 4;

/** The machines and days on which a target was measured, on all hosts. */
const runsOf = ({ provenance }: Results, { bench }: Target) =>
  Object.values(provenance[bench] ?? {}).map(describeRun);

/** One Markdown table: a row for each target with where and when it was measured, a column for each host. */
export function summary(results: Results, targets: readonly Target[] = TARGETS): string {
  const hosts = hostsOf(results);
  const head = ["what", "against", "reach", ...hosts.map((host) => `${host} ${versionsOf(results, host)}`)];
  const runs = new Runs();
  const rows = targets.map((target) => [
    target.what,
    target.against,
    target.reach,
    ...hosts.map((host) => {
      const verdict = target.judge(results, host);
      return verdict === null ? "not measured" : `${verdict.figure} ${verdict.share >= 1 ? "✓" : "✗"}`;
    }),
    [...new Set(runsOf(results, target).map((run) => runs.letterOf(run)))].join(", "),
  ]);
  return `${markdownTable([[...head, "run"], ...rows])}\n\n${runs.legend()} Medians of rounds in turn.`;
}

/** A chart of the same: each figure as a share of its target. */
export function summaryChart(results: Results): string {
  const hosts = hostsOf(results);
  return barChart({
    title: "Measured, as a share of what is to be reached",
    subtitle: `At the line or above it is reached; bars end at ${MOST_SHARE}`,
    y: { name: "share", scale: "linear" },
    groups: TARGETS.map(({ name }) => name),
    series: hosts.map((host) => ({
      name: host,
      values: TARGETS.map((target) => {
        const verdict = target.judge(results, host);
        return verdict && Math.min(MOST_SHARE, Math.round(verdict.share * 100) / 100);
      }),
    })),
    target: { at: 1, text: "reached" },
  });
}
