/** The table of all counters. */
import type { InstanceStatus } from "../status.ts";
import { el, find } from "./dom.ts";
import { formatNumber, formatSeconds } from "./numbers.ts";
import { figure, row, rowHead } from "./table.ts";

/** Draws every counter, only while the table is open. */
export function drawCounters(status: InstanceStatus): void {
  const details = find<HTMLDetailsElement>("#counters");
  if (!details.open) return;
  const rows = status.metrics.flatMap(({ name, type, series }) =>
    series.map(({ labels, value, counts }) => {
      const count = counts.reduce((sum, observed) => sum + observed, 0);
      const text =
        type === "histogram"
          ? `${formatNumber(count)} times, ${formatSeconds(value)} in all`
          : formatNumber(value);
      const pairs = Object.entries(labels).map(([label, value]) => `${label} ${value}`);
      return row(
        rowHead(el("code", {}, name)),
        el("td", { role: "cell" }, pairs.join(", ")),
        figure(null, text),
      );
    }),
  );
  find("tbody", details).replaceChildren(...rows);
}
