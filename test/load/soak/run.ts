/**
 * Keeps a server up under a steady mix of visitors and partners, killing and restarting it on the way, and holds what it
 * acknowledged against what its store holds at the end. Writes test/results/soak.json and soak.png; with `--write` also the
 * chart and the summary of docs/performance.md.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { writeBetween } from "../../bench/marks.ts";
import { describeProvenance, provenanceHere } from "../../bench/provenance.ts";
import { toPng } from "../../support/chart.ts";
import { noChromium } from "../../support/chromium.ts";
import { root } from "../../support/spawn.ts";
import { readToolOptions, WRITE } from "../../support/tool-options.ts";
import { faultsOf, soakChart, soakSummary } from "./report.ts";
import { runSoak } from "./soak.ts";

const WHOLE_MINUTES = 10;
const {
  values: { minutes, hands, host, write },
} = readToolOptions({
  name: "soak",
  summary: "Kills and restarts a busy server, and compares what it acknowledged with its store.",
  options: {
    minutes: { default: WHOLE_MINUTES, summary: "duration" },
    hands: { default: 16, summary: "number of requests at once" },
    host: { choices: ["node", "bun", "deno"], summary: "runtime of the server" },
    write: { ...WRITE, summary: `${WRITE.summary}; needs ${WHOLE_MINUTES} minutes on node` },
  },
});
if (write && (minutes < WHOLE_MINUTES || host !== "node")) {
  console.error(`soak: --write needs at least ${WHOLE_MINUTES} minutes on node`);
  process.exit(2);
}
const say = (text: string) => console.error(`soak: ${text}`);
say(`${minutes} min on ${host}`);
const report = await runSoak({ runtime: host, seconds: minutes * 60, hands, say });
const provenance = provenanceHere();
const [summary, chart] = [soakSummary(report), soakChart(report)];

const results = join(root, "test/results");
mkdirSync(results, { recursive: true });
writeFileSync(join(results, "soak.json"), `${JSON.stringify({ provenance, ...report }, null, 2)}\n`);
if (noChromium === undefined) writeFileSync(join(results, "soak.png"), await toPng(chart));
else say(`no picture: ${noChromium}`);
console.log(summary);
if (write) {
  mkdirSync(join(root, "docs/performance"), { recursive: true });
  writeFileSync(join(root, "docs/performance/soak.svg"), chart);
  writeBetween(
    join(root, "docs/performance.md"),
    "soak",
    `![Memory and event-loop delay](performance/soak.svg)\n\n${summary}\n\nMeasured on ${describeProvenance([provenance])}.`,
  );
}
const faults = faultsOf(report);
for (const fault of faults.slice(0, 20)) say(fault);
say(
  `written to test/results/soak.json and soak.png; ${faults.length === 0 ? "no faults" : `${faults.length} faults`}`,
);
process.exit(faults.length === 0 ? 0 : 1);
