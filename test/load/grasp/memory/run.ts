/**
 * Pushes, clones and fetches a large pack and prints how much the server's process grew (V8). Writes `test/results/memory.json`.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { provenanceHere } from "../../../bench/provenance.ts";
import { type ProcessRuntime, root, runtimes } from "../../../support/spawn.ts";
import { readToolOptions } from "../../../support/tool-options.ts";
import { type Growth, MAX_GROWTH_MIB, measureGrowth } from "./growth.ts";

const { values, names } = readToolOptions({
  name: "memory",
  summary:
    "Measures the growth of a GRASP server while a large pack is pushed, cloned, and fetched from a peer.",
  names: {
    placeholder: "RUNTIME",
    summary: "runtimes to measure (default: all)",
    all: Object.keys(runtimes) as ProcessRuntime[],
  },
  options: { mib: { default: 1024, min: 1, summary: "size of the pack, in MiB" } },
});

const measured: Growth[] = [];
const chosen = names.length === 0 ? Object.keys(runtimes) : names;
for (const runtime of chosen as ProcessRuntime[]) {
  console.error(`memory: ${values.mib} MiB on ${runtime}`);
  measured.push(await measureGrowth(runtime, values.mib));
}
console.log(
  "| runtime | pack, MiB | resident, MiB | growth by push, MiB | growth by clone, MiB | growth by fetch, MiB |",
);
console.log("| --- | ---: | ---: | ---: | ---: | ---: |");
for (const { runtime, mib, residentMiB, push, clone, fetch } of measured) {
  console.log(
    `| ${runtime} | ${mib} | ${residentMiB.toFixed(0)} | ${push.toFixed(1)} | ${clone.toFixed(1)} | ${fetch.toFixed(1)} |`,
  );
}
mkdirSync(join(root, "test/results"), { recursive: true });
writeFileSync(
  join(root, "test/results/memory.json"),
  `${JSON.stringify({ provenance: provenanceHere(), measured }, null, 2)}\n`,
);
process.exit(
  measured.every(({ push, clone, fetch }) => Math.max(push, clone, fetch) <= MAX_GROWTH_MIB) ? 0 : 1,
);
