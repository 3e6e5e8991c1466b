import { barChart } from "../support/chart.ts";
import { describeProvenance } from "./provenance.ts";
import { hostsOf, type Results, versionsOf } from "./results.ts";
import { TARGETS } from "./targets.ts";

/** Maximum length of a bar. */
const MOST_SHARE = 4;

/** One Markdown table: a row for each target, a column for each host. */
export function summary(results: Results): string {
  const hosts = hostsOf(results);
  const head = ["what", "against", "reach", ...hosts.map((host) => `${host} ${versionsOf(results, host)}`)];
  const rows = TARGETS.map((target) => [
    target.what,
    target.against,
    target.reach,
    ...hosts.map((host) => {
      const verdict = target.judge(results, host);
      return verdict === null ? "not measured" : `${verdict.figure} ${verdict.share >= 1 ? "✓" : "✗"}`;
    }),
  ]);
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Where and when the figures were measured. */
export function describe({ provenance }: Results): string {
  return describeProvenance(Object.values(provenance).flatMap((hosts) => Object.values(hosts)));
}

/** A chart of the same: each figure as a share of its target. */
export function summaryChart(results: Results): string {
  const hosts = hostsOf(results);
  return barChart({
    title: "Measured, as a share of what is to be reached",
    subtitle: `At the line or above it is reached; bars end at ${MOST_SHARE}. ${describe(results)}`,
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
