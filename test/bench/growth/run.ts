/**
 * The cost of a request as partners, ids in the graph, the cookie header or waiting identifiers grow; that of a question, an event and
 * a push as what GRASP stores, hosts and keeps waiting grows. Sizes in turn, round after round, medians. Writes test/results/growth.json
 * and charts; with `--write` also the charts and verdicts of docs/performance.md.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { root } from "../../support/spawn.ts";
import { readToolOptions, WRITE } from "../../support/tool-options.ts";
import { writeBetween } from "../marks.ts";
import { describeProvenance, provenanceHere } from "../provenance.ts";
import { cookie } from "./cookie.ts";
import { graph } from "./graph.ts";
import { events } from "./grasp/events.ts";
import { repositories } from "./grasp/repositories.ts";
import { subscriptions } from "./grasp/subscriptions.ts";
import { waiting as waitingEntries } from "./grasp/waiting.ts";
import { chartOf, grow, table } from "./measure.ts";
import { partners } from "./partners.ts";
import { type Grown, type Growth, verdict } from "./series.ts";
import { waiting } from "./waiting.ts";

const MAX_IDS = 10_000_000;
/** What grows, by the section of docs/performance.md. A chart of GRASP may take half an hour: each is a section of its own. */
const sections = (ids: number): Readonly<Record<string, readonly Growth[]>> => ({
  growth: [partners, graph(ids), cookie, waiting],
  ...Object.fromEntries(
    [events, repositories, waitingEntries, subscriptions].map((one) => [`growth-${one.name}`, [one]]),
  ),
});
const SERIES = Object.values(sections(MAX_IDS)).flatMap((list) => list.map(({ name }) => name));

const { values, names } = readToolOptions({
  name: "growth",
  summary:
    "Measures a request while partners, ids, cookies and waiting identifiers grow, or what GRASP serves and keeps waiting, and prints tables.",
  names: { placeholder: "NAME", summary: "what grows (default: all)", all: SERIES },
  options: {
    "ids-max": { default: MAX_IDS, min: 1000, summary: "largest number of ids in the graph" },
    write: {
      ...WRITE,
      summary: `${WRITE.summary}: each section whose series are all measured, with ${MAX_IDS} ids`,
    },
  },
});
const all = sections(values["ids-max"]);
const isWanted = ({ name }: Growth) => names.length === 0 || names.includes(name);
const whole = Object.keys(all).filter(
  (section) => all[section]!.every(isWanted) && (section !== "growth" || values["ids-max"] >= MAX_IDS),
);
if (values.write && whole.length === 0) {
  console.error(`growth: --write needs all series of a section, and ${MAX_IDS} ids`);
  process.exit(2);
}

const provenance = provenanceHere();
const grown = new Map<Growth, Grown>();
const wanted = Object.values(all).flat().filter(isWanted);
const before = loadavg()[0]!;
for (const growth of wanted) grown.set(growth, await grow(growth));
const load = { before, after: loadavg()[0]! };

function write(folder: string, series: readonly Growth[]): void {
  mkdirSync(folder, { recursive: true });
  for (const one of series) writeFileSync(join(folder, `growth-${one.name}.svg`), chartOf(grown.get(one)!));
}

const textOf = (growth: Growth) => {
  const one = grown.get(growth)!;
  return `![${one.title}](performance/growth-${one.name}.svg)\n\n${table(one)}\n\n${verdict(one)}`;
};
write(join(root, "test/results"), wanted);
writeFileSync(
  join(root, "test/results/growth.json"),
  `${JSON.stringify({ provenance, load, series: [...grown.values()] }, null, 2)}\n`,
);
console.log(wanted.map(textOf).join("\n\n"));
console.error("growth: the figures are in test/results/growth.json, the charts beside it");
const note =
  `Measured on ${describeProvenance([provenance])}; ${load.before.toFixed(1)} processes wanted a processor before the run and ` +
  `${load.after.toFixed(1)} after it.`;
for (const section of values.write ? whole : []) {
  const series = all[section]!;
  write(join(root, "docs/performance"), series);
  writeBetween(join(root, "docs/performance.md"), section, [...series.map(textOf), note].join("\n\n"));
  console.error(`growth: docs/performance.md and docs/performance/ are updated (${section})`);
}
process.exit(0);
