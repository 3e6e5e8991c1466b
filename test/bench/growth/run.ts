/**
 * The cost of a request as partners, ids in the graph, the cookie header or waiting identifiers grow. Sizes in
 * turn, round after round, medians. Writes test/results/growth.json and charts; with `--write` also the charts and
 * verdicts of docs/performance.md.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { lineChart } from "../../support/chart.ts";
import { root } from "../../support/spawn.ts";
import { readToolOptions, WRITE } from "../../support/tool-options.ts";
import { measure } from "../harness.ts";
import { writeBetween } from "../marks.ts";
import { describeProvenance, provenanceHere } from "../provenance.ts";
import { cookie } from "./cookie.ts";
import { graph } from "./graph.ts";
import { partners } from "./partners.ts";
import { type Grown, type Growth, verdict } from "./series.ts";
import { waiting } from "./waiting.ts";

const MAX_IDS = 10_000_000;
const SERIES = ["partners", "graph", "cookie", "waiting"] as const;

const { values, names } = readToolOptions({
  name: "growth",
  summary: "Measures a request while partners, ids, cookies and waiting identifiers grow, and prints tables.",
  names: { placeholder: "NAME", summary: "what grows (default: all)", all: SERIES },
  options: {
    "ids-max": { default: MAX_IDS, min: 1000, summary: "largest number of ids in the graph" },
    write: { ...WRITE, summary: `${WRITE.summary}; needs all series and ${MAX_IDS} ids` },
  },
});
const all = [partners, graph(values["ids-max"]), cookie, waiting];
const wanted = all.filter(({ name }) => names.length === 0 || names.includes(name));
if (values.write && (wanted.length < all.length || values["ids-max"] < MAX_IDS)) {
  console.error(`growth: --write needs all series and ${MAX_IDS} ids`);
  process.exit(2);
}

/** Measures one thing at all its sizes. */
async function grow(growth: Growth): Promise<Grown> {
  const { name, title, x, explanation, sizes } = growth;
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
      { rounds: 31, turnMs: 20 },
    );
    lines[line] = measured.map(({ nsPerOp }) => micros(nsPerOp));
    middles[line] = measured.map(({ low, high }) => [micros(low), micros(high)]);
  }
  await growth.close?.();
  return { name, title, x, explanation, sizes, lines, middles };
}

function table({ x, sizes, lines, middles }: Grown): string {
  const head = [x, ...sizes.map((size) => size.toLocaleString("en"))];
  const rows = Object.entries(lines).map(([line, micros]) => [
    line,
    ...micros.map((median, i) => {
      const [at, low, high] = [median, ...middles[line]![i]!].map((value) => value.toPrecision(3));
      return `${at} µs (${low} to ${high})`;
    }),
  ]);
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function chartOf({ title, x, sizes, lines }: Grown): string {
  const hasZero = sizes[0] === 0;
  const series = Object.entries(lines).map(([line, micros]) => ({
    name: line,
    // A logarithmic axis has no zero.
    points: sizes.map((size, i) => [Math.max(1, size), micros[i]!] as const),
  }));
  return lineChart({
    title,
    subtitle: "microseconds of one process for a request, medians of rounds in turn",
    x: { name: hasZero ? `${x} (0 is drawn at 1)` : x, scale: "log" },
    y: { name: "µs a request", scale: "linear" },
    series,
  });
}

const provenance = provenanceHere();
const grown: Grown[] = [];
for (const growth of wanted) grown.push(await grow(growth));

const folders = [join(root, "test/results"), ...(values.write ? [join(root, "docs/performance")] : [])];
for (const folder of folders) {
  mkdirSync(folder, { recursive: true });
  for (const one of grown) writeFileSync(join(folder, `growth-${one.name}.svg`), chartOf(one));
}
writeFileSync(
  join(root, "test/results/growth.json"),
  `${JSON.stringify({ provenance, series: grown }, null, 2)}\n`,
);
const sections = grown.map(
  (one) => `![${one.title}](performance/growth-${one.name}.svg)\n\n${table(one)}\n\n${verdict(one)}`,
);
console.log(sections.join("\n\n"));
console.error("growth: the figures are in test/results/growth.json, the charts beside it");
if (values.write) {
  const note = `Measured on ${describeProvenance([provenance])}.`;
  writeBetween(join(root, "docs/performance.md"), "growth", [...sections, note].join("\n\n"));
  console.error("growth: docs/performance.md and docs/performance/ are updated");
}
process.exit(0);
