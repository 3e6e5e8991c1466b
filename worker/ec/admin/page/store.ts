/** The section about the store. */

import { metricOf, sumOf } from "../../../admin/figures.ts";
import { drawDistribution } from "../../../admin/page/chart.ts";
import { el, find } from "../../../admin/page/dom.ts";
import { storeGrowth } from "../../../admin/page/history.ts";
import { formatNumber, formatSeconds, quantile } from "../../../admin/page/numbers.ts";
import type { View } from "../../../admin/page/panel.ts";
import { figure, row, rowHead } from "../../../admin/page/table.ts";

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
}
