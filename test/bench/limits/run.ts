/**
 * How much one GRASP server takes: what happens at a million stored events, ten thousand subscribers, two hundred clones at once, and so
 * on. Prints a table and writes `test/results/limits.json`; with `--write` also the table of docs/performance.md.
 * @module
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { root } from "../../support/spawn.ts";
import { buildPackage } from "../../support/starter.ts";
import { readToolOptions, WRITE } from "../../support/tool-options.ts";
import { writeBetween } from "../marks.ts";
import { describeProvenance, provenanceHere } from "../provenance.ts";
import { FULL, type LimitSizes, QUICK } from "./limit.ts";
import { LIMITS, limitsTable, measureLimits } from "./limits.ts";

const { values, names } = readToolOptions({
  name: "bench:limits",
  summary: "Measures how much one GRASP server takes, and prints a table.",
  names: {
    placeholder: "LIMIT",
    summary: "limits to measure (default: all)",
    all: LIMITS.map(({ name }) => name),
  },
  options: {
    events: { default: FULL.events, min: 1000, summary: "stored events" },
    subscribers: { default: FULL.subscribers, min: 101, summary: "subscribers of one event" },
    clones: { default: FULL.clones, min: 2, summary: "clones at once" },
    refs: { default: FULL.refs, min: 2, summary: "refs of one repository" },
    quick: { switch: true, summary: "small sizes in place of all others" },
    write: WRITE,
  },
});
if (values.write && (names.length > 0 || values.quick)) {
  console.error("bench:limits: --write needs all limits");
  process.exit(2);
}
const { events, subscribers, clones, refs } = values;
// The memory of idle connections is measured on the way to the subscribers.
const idle = Math.min(FULL.idle, Math.floor(subscribers / 2));
const sizes: LimitSizes = values.quick ? QUICK : { ...FULL, events, subscribers, idle, clones, refs };
const log = (text: string) => console.error(`bench: ${text}`);

const folder = mkdtempSync(join(tmpdir(), "millrace-bench-limits-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
process.on("SIGTERM", () => process.exit(1)).on("SIGINT", () => process.exit(1));
buildPackage();
const before = loadavg()[0]!;
const given = { sizes, main: "dist/worker/cli/main.js", folder, say: log };
const measured = await measureLimits(given, names.length === 0 ? undefined : names);
const provenance = provenanceHere();
const after = loadavg()[0]!;
mkdirSync(join(root, "test/results"), { recursive: true });
writeFileSync(
  join(root, "test/results/limits.json"),
  `${JSON.stringify({ provenance, load: { before, after }, sizes, ...measured }, null, 2)}\n`,
);
const table = limitsTable(measured);
const note =
  `Measured on ${describeProvenance([provenance])}; ${before.toFixed(1)} processes wanted a processor before the run and ` +
  `${after.toFixed(1)} after it, the measured ones among them.`;
console.log(`${table}\n\n${note}`);
if (values.write) {
  writeBetween(join(root, "docs/performance.md"), "limits", `${table}\n\n${note}`);
  log("docs/performance.md is updated");
}
process.exit(0);
