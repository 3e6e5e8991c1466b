/**
 * Keeps a server up under a steady mix of clients, killing and restarting it on the way, and holds what it acknowledged against what it
 * stored. Writes the results to test/results/; with `--write` also the chart and the summary of docs/performance.md.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { writeBetween } from "../../bench/marks.ts";
import { describeProvenance, provenanceHere } from "../../bench/provenance.ts";
import { toPng } from "../../support/chart.ts";
import { noChromium } from "../../support/chromium.ts";
import { type ProcessRuntime, root } from "../../support/spawn.ts";
import { readToolOptions, WRITE } from "../../support/tool-options.ts";
import { runFailover } from "../failover/failover.ts";
import { failoverSummary, faultsOf as faultsOfFailover } from "../failover/report.ts";
import { graspSoakChart, graspSoakSummary } from "../grasp/soak/report.ts";
import { faultsOf as faultsOfGrasp, runGraspSoak } from "../grasp/soak/soak.ts";
import { faultsOf, soakChart, soakSummary } from "./report.ts";
import { runSoak } from "./soak.ts";

/** What a scenario is given. */
interface Given {
  readonly runtime: ProcessRuntime;
  readonly seconds: number;
  readonly hands: number;
  say(text: string): void;
}

/** What came of it. */
interface Outcome {
  readonly report: object;
  readonly summary: string;
  readonly chart?: string;
  readonly faults: readonly string[];
}

/** A server with its clients. `file`: name of its results, and of its place in docs/performance.md. */
interface Scenario {
  readonly file: string;
  run(given: Given): Promise<Outcome>;
}

/** How often a master of a Redis Cluster fails. */
const SECONDS_A_FAILURE = 60;
/** Requests of the visitors for each author of GRASP: a push is more work than a page. */
const HANDS_AN_AUTHOR = 4;

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  "edge-cookie": {
    file: "soak",
    async run(given) {
      const report = await runSoak(given);
      return { report, summary: soakSummary(report), chart: soakChart(report), faults: faultsOf(report) };
    },
  },
  grasp: {
    file: "soak-grasp",
    async run({ hands, ...given }) {
      const report = await runGraspSoak({ ...given, authors: Math.ceil(hands / HANDS_AN_AUTHOR) });
      return {
        report,
        summary: graspSoakSummary(report),
        chart: graspSoakChart(report),
        faults: faultsOfGrasp(report),
      };
    },
  },
  "redis-cluster": {
    file: "soak-redis-cluster",
    async run(given) {
      const count = Math.max(2, Math.floor(given.seconds / SECONDS_A_FAILURE));
      const failures = Array.from({ length: count }, (_, n) =>
        n % 2 === 0 ? "killed" : ("suspended" as const),
      );
      const report = await runFailover({ ...given, failures });
      return { report, summary: failoverSummary(report), faults: faultsOfFailover(report) };
    },
  },
};

const WHOLE_MINUTES = 10;
const {
  values: { minutes, hands, host, write },
  names,
} = readToolOptions({
  name: "soak",
  summary: "Kills and restarts a busy server, and compares what it acknowledged with what it stored.",
  names: {
    placeholder: "SERVICE",
    summary: "services to keep busy, one after the other (default: edge-cookie)",
    all: Object.keys(SCENARIOS),
  },
  options: {
    minutes: { default: WHOLE_MINUTES, summary: "duration" },
    hands: { default: 16, summary: "number of requests at once; a quarter of it authors of GRASP" },
    host: { choices: ["node", "bun", "deno"], summary: "runtime of the server" },
    write: { ...WRITE, summary: `${WRITE.summary}; needs ${WHOLE_MINUTES} minutes on node` },
  },
});
if (write && (minutes < WHOLE_MINUTES || host !== "node")) {
  console.error(`soak: --write needs at least ${WHOLE_MINUTES} minutes on node`);
  process.exit(2);
}
const say = (text: string) => console.error(`soak: ${text}`);
const results = join(root, "test/results");
mkdirSync(results, { recursive: true });
let count = 0;
for (const name of names.length === 0 ? ["edge-cookie"] : names) {
  const { file, run } = SCENARIOS[name]!;
  say(`${name}: ${minutes} min on ${host}`);
  const { report, summary, chart, faults } = await run({
    ...{ runtime: host as ProcessRuntime, seconds: minutes * 60, hands, say },
  });
  const provenance = provenanceHere();
  writeFileSync(join(results, `${file}.json`), `${JSON.stringify({ provenance, ...report }, null, 2)}\n`);
  if (chart !== undefined) writeFileSync(join(results, `${file}.svg`), chart);
  if (chart === undefined) say("no picture for this service");
  else if (noChromium === undefined) writeFileSync(join(results, `${file}.png`), await toPng(chart));
  else say(`no picture: ${noChromium}`);
  console.log(summary);
  if (write) {
    const parts = [summary, `Measured on ${describeProvenance([provenance])}.`];
    if (chart !== undefined) {
      mkdirSync(join(root, "docs/performance"), { recursive: true });
      writeFileSync(join(root, `docs/performance/${file}.svg`), chart);
      parts.unshift(`![Memory and event-loop delay](performance/${file}.svg)`);
    }
    writeBetween(join(root, "docs/performance.md"), file, parts.join("\n\n"));
  }
  for (const fault of faults.slice(0, 20)) say(fault);
  say(
    `written to test/results/${file}.json; ${faults.length === 0 ? "no faults" : `${faults.length} faults`}`,
  );
  count += faults.length;
}
process.exit(count === 0 ? 0 : 1);
