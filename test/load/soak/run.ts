/**
 * Keeps a server up under a steady mix of visitors and partners, killing and restarting it on the way, and holds what it
 * acknowledged against what its store holds at the end. Writes test/results/soak.json and soak.png, and the picture and
 * summary to docs/performance.md.
 *
 * Arguments: `--minutes N` (10), `--hands N` requests at once (16), `--host node|bun|deno`.
 * @module
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { writeBetween } from "../../bench/marks.ts";
import { toPng } from "../../support/chart.ts";
import { noChromium } from "../../support/chromium.ts";
import { type ProcessRuntime, root } from "../../support/spawn.ts";
import { numbersOf } from "../arguments.ts";
import { faultsOf, soakChart, soakSummary } from "./report.ts";
import { runSoak } from "./soak.ts";

const WHOLE_MINUTES = 10;
const { minutes, hands, host } = numbersOf(
  "soak",
  { minutes: WHOLE_MINUTES, hands: 16 },
  { host: ["node", "bun", "deno"] },
);
const say = (text: string) => console.error(`soak: ${text}`);
say(`${minutes} min on ${host}`);
const report = await runSoak({ runtime: host as ProcessRuntime, seconds: minutes * 60, hands, say });
const [summary, chart] = [soakSummary(report), soakChart(report)];

const results = join(root, "test/results");
mkdirSync(results, { recursive: true });
writeFileSync(join(results, "soak.json"), `${JSON.stringify(report, null, 2)}\n`);
if (noChromium === undefined) writeFileSync(join(results, "soak.png"), await toPng(chart));
else say(`no picture: ${noChromium}`);
console.log(summary);
// What the documentation shows is a whole soak on the default host.
if (minutes >= WHOLE_MINUTES && host === "node") {
  if (!existsSync(join(root, "docs/performance"))) mkdirSync(join(root, "docs/performance"));
  writeFileSync(join(root, "docs/performance/soak.svg"), chart);
  writeBetween(
    join(root, "docs/performance.md"),
    "soak",
    `![Memory and event-loop delay](performance/soak.svg)\n\n${summary}`,
  );
}
const faults = faultsOf(report);
for (const fault of faults.slice(0, 20)) say(fault);
say(
  `written to test/results/soak.json and soak.png; ${faults.length === 0 ? "no faults" : `${faults.length} faults`}`,
);
process.exit(faults.length === 0 ? 0 : 1);
