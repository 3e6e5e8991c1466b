import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Provenance } from "../../bench/provenance.ts";
import { barChart, toPng } from "../../support/chart.ts";
import { percentile } from "../percentile.ts";
import type { LoadReport } from "./load.ts";
import { type Seen, STEPS, type Step } from "./visitor.ts";

const PERCENTILES = [0.5, 0.9, 0.99] as const;

const of = (seen: readonly Seen[], step: Step) => seen.filter((one) => one.step === step);
const msOf = (seen: readonly Seen[], step: Step, share: number) =>
  percentile(
    of(seen, step).map(({ ms }) => ms),
    share,
  );
const faultsOf = (seen: readonly Seen[]) => seen.filter(({ fault }) => fault !== null);

/** Number of failed steps and requests. */
export function countErrors({ quiet, busy, generator }: LoadReport): number {
  return faultsOf(quiet).length + faultsOf(busy).length + generator.errors;
}

/** A Markdown table: a row for each step, its percentiles with and without the generator, and errors. */
export function loadTable(report: LoadReport): string {
  const { quiet, busy, generator } = report;
  const ms = (value: number) => value.toFixed(0);
  const head = ["step", "times", "errors", "alone: p50, p90, p99 ms", "under load: p50, p90, p99 ms", "p50"];
  const rows = STEPS.map((step) => {
    const [alone, loaded] = [quiet, busy].map((seen) => PERCENTILES.map((share) => msOf(seen, step, share)));
    return [
      step,
      `${of(quiet, step).length} + ${of(busy, step).length}`,
      `${faultsOf(of([...quiet, ...busy], step)).length}`,
      alone!.map(ms).join(", "),
      loaded!.map(ms).join(", "),
      `${(loaded![0]! / alone![0]!).toFixed(1)}x`,
    ];
  });
  const table = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  const rate = Math.round(generator.requests / generator.seconds).toLocaleString("en");
  const said =
    `Beside them ${generator.generator} on ${report.options.connections} connections: ${rate} requests per second, ` +
    `${generator.errors} errors, p50 ${generator.p50Ms.toFixed(1)} ms, p90 ${generator.p90Ms.toFixed(1)} ms, p99 ${generator.p99Ms.toFixed(1)} ms.`;
  return `${table}\n\n${said}`;
}

/** A chart of the same figures. */
export function loadChart({ quiet, busy, options, generator }: LoadReport): string {
  const series = [
    ["p50, alone", quiet, 0.5],
    ["p99, alone", quiet, 0.99],
    ["p50, under load", busy, 0.5],
    ["p99, under load", busy, 0.99],
  ] as const;
  const rate = Math.round(generator.requests / generator.seconds).toLocaleString("en");
  return barChart({
    title: "A page as visitors' browsers see it",
    subtitle: `${options.visitors} browsers at once; under load: beside ${rate} other requests per second on ${options.connections} connections`,
    y: { name: "ms from the click to the loaded page", scale: "linear" },
    groups: [...STEPS],
    series: series.map(([name, seen, share]) => ({
      name,
      values: STEPS.map((step) => Math.round(msOf(seen, step, share) * 10) / 10),
    })),
  });
}

/** Writes `load.json` and the chart as `load.png` to a folder, which is created if needed. */
export async function writeResults(
  report: LoadReport & { provenance?: Provenance },
  folder: string,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "load.json"), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(join(folder, "load.png"), await toPng(loadChart(report)));
}
