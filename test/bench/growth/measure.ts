/**
 * Measures one thing at all its sizes, in turn, and shows what came of it.
 * @module
 */
import { lineChart } from "../../support/chart.ts";
import { measure, type Pace } from "../harness.ts";
import type { Grown, Growth } from "./series.ts";

const PACE: Pace = { rounds: 31, turnMs: 20 };
const MEASURED: NonNullable<Grown["measured"]> = {
  subtitle: "microseconds of one process for a request, medians of rounds in turn",
  unit: "µs a request",
};

/**
 * Measures one thing at all its sizes.
 * @param sizes Default: all of its own
 * @param pace Default: its own
 */
export async function grow(growth: Growth, sizes = growth.sizes, pace: Partial<Pace> = {}): Promise<Grown> {
  const { name, title, x, explanation, measured: what } = growth;
  try {
    const opened = [];
    for (const size of sizes) opened.push(await growth.open(size));
    const names = Object.keys(opened[0]!);
    const lines: Grown["lines"] = {};
    const middles: Grown["middles"] = {};
    const micros = (ns: number) => Math.round(ns / 10) / 100;
    for (const line of names) {
      console.error(`growth: measuring ${name}, ${line}`);
      const measured = await measure(
        opened.map((contenders) => contenders[line]!),
        { ...PACE, ...growth.pace, ...pace },
      );
      lines[line] = measured.map(({ nsPerOp }) => micros(nsPerOp));
      middles[line] = measured.map(({ low, high }) => [micros(low), micros(high)]);
    }
    return { name, title, x, explanation, ...(what && { measured: what }), sizes, lines, middles };
  } finally {
    await growth.close?.();
  }
}

/** A Markdown table with a row for each line. */
export function table({ x, sizes, lines, middles }: Grown): string {
  const head = [x, ...sizes.map((size) => size.toLocaleString("en"))];
  const rows = Object.entries(lines).map(([line, micros]) => [
    line,
    ...micros.map((median, i) => {
      const [at, low, high] = [median, ...middles[line]![i]!].map(shown);
      return `${at} µs (${low} to ${high})`;
    }),
  ]);
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

const shown = (value: number) =>
  value < 1000 ? value.toPrecision(3) : Number(value.toPrecision(3)).toLocaleString("en");

/** A chart with a curve for each line. */
export function chartOf({ title, x, sizes, lines, measured = MEASURED }: Grown): string {
  const hasZero = sizes[0] === 0;
  const series = Object.entries(lines).map(([line, micros]) => ({
    name: line,
    // A logarithmic axis has no zero.
    points: sizes.map((size, i) => [Math.max(1, size), micros[i]!] as const),
  }));
  return lineChart({
    title,
    subtitle: measured.subtitle,
    x: { name: hasZero ? `${x} (0 is drawn at 1)` : x, scale: "log" },
    y: { name: measured.unit, scale: measured.scale ?? "linear" },
    series,
  });
}
