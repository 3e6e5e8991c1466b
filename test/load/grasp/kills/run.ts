/**
 * Kills a GRASP server at every step of a repository's life and at random moments, and compares it with what it acknowledged
 * (V7). Prints what it found and writes `test/results/kills.json`.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { provenanceHere } from "../../../bench/provenance.ts";
import { type ProcessRuntime, root, runtimes } from "../../../support/spawn.ts";
import { readToolOptions } from "../../../support/tool-options.ts";
import { killAtRandom } from "./at-random.ts";
import { type KillResult, killAtStep, liveOnce } from "./at-step.ts";

const { values, names } = readToolOptions({
  name: "kills",
  summary:
    "Kills a GRASP server at random moments and, on Node, at every step that it takes, and looks for what it acknowledged.",
  names: {
    placeholder: "RUNTIME",
    summary: "runtimes to kill (default: node)",
    all: Object.keys(runtimes) as ProcessRuntime[],
  },
  options: {
    kills: { default: 100, min: 1, summary: "number of kills at random moments" },
    every: { default: 1, min: 1, summary: "kill at every N-th step" },
    seed: { default: Date.now() % 100_000, summary: "seed of the random moments" },
    "no-steps": { switch: true, summary: "only kill at random moments" },
  },
});
const log = (text: string) => console.error(`kills: ${text}`);

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = randomFrom(values.seed);
const atSteps: KillResult[] = [];
if (!values["no-steps"]) {
  const life = await liveOnce();
  const steps = life.steps.filter((_, index) => index % values.every === 0);
  log(`${steps.length} steps`);
  for (const step of steps) {
    // Each second start is killed as well, at one of its first steps.
    const again = random() < 0.5 ? 1 + Math.floor(random() * 30) : null;
    const result = await killAtStep(step, again);
    atSteps.push(result);
    const outcome = result.findings.length === 0 ? "all is well" : result.findings.join("\n  ");
    const then = again === null ? "" : `, then step ${again}`;
    log(`${step.moment.action.name}, step ${step.number}, ${step.label}${then}: ${outcome}`);
  }
  life.discard();
}

const atRandom: Record<string, Awaited<ReturnType<typeof killAtRandom>>> = {};
for (const runtime of names.length === 0 ? ["node"] : names) {
  atRandom[runtime] = await killAtRandom({
    runtime: runtime as ProcessRuntime,
    kills: values.kills,
    random,
    onKill: (kill, { events, pushes }, findings) =>
      log(
        `${runtime}, kill ${kill} of ${values.kills}: ${events} events and ${pushes} pushes acknowledged` +
          (findings.length === 0 ? "" : `\n  ${findings.join("\n  ")}`),
      ),
  });
}

const asJson = ({ step: { label, moment, number }, ...rest }: KillResult) => ({
  action: moment.action.name,
  step: number,
  label,
  ...rest,
});
const findings = [...atSteps, ...Object.values(atRandom)].flatMap((each) => each.findings);
mkdirSync(join(root, "test/results"), { recursive: true });
writeFileSync(
  join(root, "test/results/kills.json"),
  `${JSON.stringify({ provenance: provenanceHere(), seed: values.seed, atSteps: atSteps.map(asJson), atRandom }, null, 2)}\n`,
);
console.log("| kills | | events acknowledged | pushes reported | without an answer | lost or wrong |");
console.log("| --- | ---: | ---: | ---: | ---: | ---: |");
const row = (
  name: string,
  kills: number,
  all: readonly { counts: KillResult["counts"]; findings: readonly string[] }[],
) => {
  const sum = (of: (one: (typeof all)[number]) => number) => all.reduce((total, one) => total + of(one), 0);
  console.log(
    `| ${name} | ${kills} | ${sum((one) => one.counts.events)} | ${sum((one) => one.counts.pushes)} | ` +
      `${sum((one) => one.counts.unanswered)} | ${sum((one) => one.findings.length)} |`,
  );
};
if (atSteps.length > 0) row("at each step, Node", atSteps.length, atSteps);
for (const [runtime, result] of Object.entries(atRandom))
  row(`at random, ${runtime}`, values.kills, [result]);
console.log(`Seed ${values.seed}; the figures are in test/results/kills.json.`);
process.exit(findings.length === 0 ? 0 : 1);
