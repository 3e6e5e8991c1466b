/** The section about the store, and the table of all counters. */
import { drawDistribution } from "./chart.ts";
import { el, find } from "./dom.ts";
import { metricOf, storeGrowth, sumOf } from "./history.ts";
import { formatNumber, formatSeconds, quantile } from "./numbers.ts";
import type { View } from "./panel.ts";
import { figure, row, rowHead } from "./table.ts";

const OPERATIONS: [operation: string, look: string][] = [
  ["get", "first"],
  ["put", "second"],
  ["update", "odd"],
  ["delete", "third"],
  ["list", "fourth"],
];

/** Draws the section. */
export function drawStore({ status, samples }: View): void {
  const bounds = metricOf(status, "millrace_store_seconds")?.bounds ?? [];
  const grown = storeGrowth(samples);
  const stacks = OPERATIONS.map(([name, look]) => ({ name, look, counts: grown.get(name) ?? [] }));
  if (bounds.length > 0) drawDistribution(find("#chart-store"), stacks, bounds);
  const time = (title: string, counts: readonly number[], part: number) => {
    const seconds = quantile(bounds, counts, part);
    return figure(title, seconds === null ? "–" : formatSeconds(seconds));
  };
  const rows = stacks.map(({ name, look, counts }) => {
    const count = counts.reduce((sum, value) => sum + value, 0);
    const failed = sumOf(status, "millrace_store_errors_total", { operation: name });
    return row(
      rowHead(el("i", { class: `dot ${look}` }), name),
      figure("number", formatNumber(count)),
      time("median", counts, 0.5),
      time("95 %", counts, 0.95),
      time("99 %", counts, 0.99),
      figure("failed", formatNumber(failed)),
    );
  });
  find("#store-operations tbody").replaceChildren(...rows);
  drawCounters({ status });
}

/** Draws every counter, only while the table is open. */
function drawCounters({ status }: Pick<View, "status">): void {
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
