/**
 * The figures of both servers as a table and as a chart.
 * @module
 */
import { barChart } from "../../support/chart.ts";
import { spreadOf } from "../harness.ts";
import type { Provenance } from "../provenance.ts";
import type { Figure } from "./rows.ts";

/** A figure of one row, with its repetitions on each server. */
export interface Measured extends Omit<Figure, "value"> {
  readonly row: string;
  /** By server. */
  readonly values: Readonly<Record<string, readonly number[]>>;
}

/** All of one run. */
export interface GraspResults {
  readonly provenance: Provenance;
  /** Number of processors, and processes that wanted one on average: before and after the run. */
  readonly load: { readonly before: number; readonly after: number };
  readonly sizes: Readonly<Record<string, number>>;
  readonly measured: readonly Measured[];
  /** Rows that were not measured, with the reason. */
  readonly missing: Readonly<Record<string, string>>;
}

/** How far apart two figures are before one is ahead. */
const SAME = 1.05;
/** The kernel counts memory in pages, and a process has its own ups and downs. */
const SAME_MIB = 2;
/** Most groups of the chart. */
const GROUPS = 16;

const medianOf = ({ values }: Measured, server: string): number | null =>
  values[server] === undefined || values[server].length === 0 ? null : spreadOf(values[server]).median;

/** How many times better we are; `null` if a figure is missing. */
export function ratioOf(one: Measured): number | null {
  const [ours, theirs] = [medianOf(one, "millrace"), medianOf(one, "ngit-grasp")];
  if (ours === null || theirs === null) return null;
  if (ours === theirs) return 1;
  return one.better === "higher" ? ours / theirs : theirs / ours;
}

/** Whether we are ahead. */
export function verdictOf(one: Measured): string {
  const ratio = ratioOf(one);
  if (ratio === null) return "not compared";
  const [ours, theirs] = [medianOf(one, "millrace")!, medianOf(one, "ngit-grasp")!];
  if (one.unit === "MiB" && Math.abs(ours - theirs) < SAME_MIB) return "equal";
  if (ratio >= SAME) return "ahead";
  return ratio > 1 / SAME ? "equal" : "behind";
}

/** A figure with its unit, with three significant digits. */
export function shown(value: number | null, unit: Figure["unit"]): string {
  if (value === null) return "-";
  const digits = value >= 100 || unit === "count" ? 0 : value >= 10 ? 1 : 2;
  const text = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return unit === "count" ? text : `${text} ${unit}`;
}

/** A Markdown table with a row for each figure. */
export function tableOf({ measured, missing }: GraspResults): string {
  const lines = measured.map((one) => {
    const ratio = ratioOf(one);
    const times = ratio === null || !Number.isFinite(ratio) ? "" : ` (${ratio.toPrecision(2)}x)`;
    return [
      one.row,
      one.name,
      shown(medianOf(one, "millrace"), one.unit),
      shown(medianOf(one, "ngit-grasp"), one.unit),
      verdictOf(one) + times,
    ];
  });
  for (const [row, reason] of Object.entries(missing)) lines.push([row, "not measured", "-", "-", reason]);
  const head = ["row", "measured", "millrace", "ngit-grasp 3.0.9", "verdict"];
  return [head, ["---", "---", "---:", "---:", "---"], ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}

/** How many rows are ahead, equal and behind. */
export function countOf({ measured }: GraspResults): Record<string, number> {
  const counts: Record<string, number> = { ahead: 0, equal: 0, behind: 0, "not compared": 0 };
  for (const one of measured) counts[verdictOf(one)]!++;
  return counts;
}

/** A chart of how many times better each figure is; the first of each row. */
export function chartOf(results: GraspResults): string {
  const compared = results.measured.filter(
    (one) => Number.isFinite(ratioOf(one) ?? Number.NaN) && ratioOf(one)! > 0,
  );
  const firsts = compared.filter(
    (one, index) => compared.findIndex(({ row }) => row === one.row) >= index - 1,
  );
  const chosen = firsts.slice(0, GROUPS);
  return barChart({
    title: "millrace beside ngit-grasp 3.0.9",
    subtitle: "how many times better; above 1 millrace is ahead",
    y: { name: "times", scale: "log" },
    groups: chosen.map(({ row, name }) => `${row}: ${name.split(",")[0]}`),
    series: [
      { name: "millrace / ngit-grasp", values: chosen.map((one) => Number(ratioOf(one)!.toPrecision(3))) },
    ],
    target: { at: 1, text: "equal" },
  });
}
