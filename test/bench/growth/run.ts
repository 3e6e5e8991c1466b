/**
 * What a request costs as things grow: partners, ids in the graph, the cookie header, identifiers that wait. Sizes in
 * turn, round after round, medians. Writes test/results/growth.json, a chart of each to docs/performance/, and the
 * verdicts to docs/performance.md.
 *
 * Arguments: names of what shall grow; `--ids-max N` for a smaller graph than ten million ids. Both are for trying things
 * out: what they measure goes to test/results/growth-tried/ and not into the documents.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { lineChart } from "../../support/chart.ts";
import { root } from "../../support/spawn.ts";
import { measure } from "../harness.ts";
import { writeBetween } from "../marks.ts";
import { cookie } from "./cookie.ts";
import { graph } from "./graph.ts";
import { partners } from "./partners.ts";
import { type Grown, type Growth, verdict } from "./series.ts";
import { waiting } from "./waiting.ts";

const { values, positionals } = parseArgs({
  options: { "ids-max": { type: "string", default: "10000000" } },
  allowPositionals: true,
});
const idsMax = Number(values["ids-max"]);
const all = [partners, graph(idsMax), cookie, waiting];
const unknown = positionals.filter((name) => !all.some((growth) => growth.name === name));
if (unknown.length > 0 || !(idsMax >= 1000)) {
  console.error(
    unknown.length > 0
      ? `growth: there is no ${unknown.join(", ")}; there are ${all.map(({ name }) => name).join(", ")}`
      : "growth: --ids-max must be a number from 1000",
  );
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

const grown: Grown[] = [];
for (const growth of all) {
  if (positionals.length === 0 || positionals.includes(growth.name)) grown.push(await grow(growth));
}
// A part of it, or a smaller graph, is for trying things out.
const isWhole = grown.length === all.length && idsMax >= 10_000_000;
const results = join(root, isWhole ? "test/results" : "test/results/growth-tried");
const pictures = isWhole ? join(root, "docs/performance") : results;
mkdirSync(results, { recursive: true });
mkdirSync(pictures, { recursive: true });
writeFileSync(join(results, "growth.json"), `${JSON.stringify(grown, null, 2)}\n`);
const sections = grown.map((one) => {
  const { name, title, x, sizes, lines } = one;
  const hasZero = sizes[0] === 0;
  const series = Object.entries(lines).map(([line, micros]) => ({
    name: line,
    // A logarithmic axis has no zero.
    points: sizes.map((size, i) => [Math.max(1, size), micros[i]!] as const),
  }));
  const chart = lineChart({
    title,
    subtitle: "microseconds of one process for a request, medians of rounds in turn",
    x: { name: hasZero ? `${x} (0 is drawn at 1)` : x, scale: "log" },
    y: { name: "µs a request", scale: "linear" },
    series,
  });
  writeFileSync(join(pictures, `growth-${name}.svg`), chart);
  return `![${title}](performance/growth-${name}.svg)\n\n${table(one)}\n\n${verdict(one)}`;
});
console.log(sections.join("\n\n"));
if (isWhole) writeBetween(join(root, "docs/performance.md"), "growth", sections.join("\n\n"));
console.error(
  `growth: written to ${isWhole ? "docs/performance.md, docs/performance/ and test/results/growth.json" : "test/results/growth-tried/"}`,
);
process.exit(0);
