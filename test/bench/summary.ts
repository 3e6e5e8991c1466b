import { barChart } from "../support/chart.ts";
import type { Results } from "./results.ts";
import { TARGETS } from "./targets.ts";

/** Beyond this a bar says no more: reached many times over. */
const MOST_SHARE = 4;

/** One Markdown table: a row for each target, a column for each host. */
export function summary(results: Results): string {
  const hosts = Object.keys(results.hosts);
  const head = ["what", "against", "reach", ...hosts.map((host) => `${host} ${results.hosts[host]}`)];
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

/** The same as a picture: what was measured as a share of what was to be reached. */
export function summaryChart(results: Results): string {
  const hosts = Object.keys(results.hosts);
  return barChart({
    title: "Measured, as a share of what is to be reached",
    subtitle: `At the line or above it is reached; bars end at ${MOST_SHARE}. ${results.machine}, ${results.date}`,
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
