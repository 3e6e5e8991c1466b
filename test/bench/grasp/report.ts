/**
 * The figures of both servers as a table and as a chart.
 * @module
 */
import { barChart } from "../../support/chart.ts";
import { spreadOf } from "../harness.ts";
import { describeRun, type Provenance, Runs } from "../provenance.ts";
import type { Figure } from "./rows.ts";

/** Where, when and how a row was measured. */
export interface GraspRun extends Provenance {
  /** How often each row was measured on each server, at most. */
  readonly repetitions: number;
  /** Processes that wanted a processor on average: before and after the run. */
  readonly load: { readonly before: number; readonly after: number };
}

/** A figure of one row, with its repetitions on each server. */
export interface Measured extends Omit<Figure, "value"> {
  readonly row: string;
  readonly run: GraspRun;
  /** By server. */
  readonly values: Readonly<Record<string, readonly number[]>>;
}

/** Figures of one run, or of several whose rows are each of one. */
export interface GraspResults {
  readonly measured: readonly Measured[];
  /** Rows that were not measured on a server, with the reason. */
  readonly missing: readonly { readonly row: string; readonly server: string; readonly reason: string }[];
}

/**
 * Replaces some rows by those of a newer run; the others stay, with the run that they are of.
 * @param rows the rows that the newer run was to measure; what else it has is left out
 */
export function mergeGrasp(older: GraspResults, newer: GraspResults, rows: readonly string[]): GraspResults {
  const isOld = ({ row }: { row: string }) => !rows.includes(row);
  const isNew = ({ row }: { row: string }) => rows.includes(row);
  const measured = [...older.measured.filter(isOld), ...newer.measured.filter(isNew)];
  // A row keeps its place.
  const order = [...new Set([...older.measured, ...newer.measured].map(({ row }) => row))];
  return {
    measured: order.flatMap((row) => measured.filter((one) => one.row === row)),
    missing: [...older.missing.filter(isOld), ...newer.missing.filter(isNew)],
  };
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

/** Describes a run: its machine, day and versions, its repetitions, and what else ran. */
export function describeGrasp(run: GraspRun): string {
  const versions = Object.entries(run.versions).map(([name, version]) => `${name} ${version}`);
  return [
    describeRun(run),
    ...versions,
    `median of ${run.repetitions}`,
    `${run.load.before.toFixed(1)} processes wanted a processor before the run and ${run.load.after.toFixed(1)} after it`,
  ].join("; ");
}

/** The verdict as the tables show it: with how many times better we are. */
export function verdictText(one: Measured): string {
  const ratio = ratioOf(one);
  if (ratio === null || ratio === 0 || !Number.isFinite(ratio)) return verdictOf(one);
  return `${verdictOf(one)} (${Number(ratio.toPrecision(2))}x)`;
}

/** Our figure and theirs, as text. */
export function figuresOf(one: Measured): readonly [ours: string, theirs: string] {
  const text = (server: string) => shown(medianOf(one, server), one.unit);
  return [text("millrace"), text("ngit-grasp")];
}

/** A Markdown table with a row for each figure, and where and when each was measured. */
export function tableOf({ measured, missing }: GraspResults): string {
  const runs = new Runs();
  const lines = measured.map((one) => [
    one.row,
    one.name,
    ...figuresOf(one),
    verdictText(one),
    runs.letterOf(describeGrasp(one.run)),
  ]);
  for (const { row, server, reason } of missing) {
    lines.push([row, `not measured on ${server}`, "-", "-", reason, ""]);
  }
  const head = ["row", "measured", "millrace", "ngit-grasp", "verdict", "run"];
  const table = [head, ["---", "---", "---:", "---:", "---", "---"], ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
  return `${table}\n\n${runs.legend()}`;
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
    title: "millrace beside ngit-grasp",
    subtitle: "how many times better; above 1 millrace is ahead",
    y: { name: "times", scale: "log" },
    groups: chosen.map(({ row, name }) => `${row}: ${name.split(",")[0]}`),
    series: [
      { name: "millrace / ngit-grasp", values: chosen.map((one) => Number(ratioOf(one)!.toPrecision(3))) },
    ],
    target: { at: 1, text: "equal" },
  });
}
