/**
 * Servers that are killed at each step of a push and at random moments keep what they acknowledged (V7, A35, N13, P27). The long
 * version is `npm run kills`.
 * @module
 */
import { describe, expect, test } from "vitest";
import { killAtRandom } from "../../load/grasp/kills/at-random.ts";
import { killAtStep, liveOnce, type Step } from "../../load/grasp/kills/at-step.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

/** Kills under way at once. */
const AT_ONCE = 2;

/** The steps that leave something behind, each once; commits and moves of refs once in each action. */
function stepsToKill(steps: readonly Step[]): Step[] {
  const seen = new Set<string>();
  return steps.filter(({ label, moment }) => {
    const isRelease =
      /after (commit|git update-ref)/.test(label) &&
      /push 1|state 3|another owner|pull request of/.test(moment.action.name);
    if (!isRelease && !/after git index-pack|before rename|after writeFile git HEAD|after commit/.test(label))
      return false;
    const key = isRelease ? `${moment.action.name} ${label}` : label;
    return isRelease || (!seen.has(key) && seen.add(key));
  });
}

describe("a server that is killed", () => {
  test("at any step of a repository's life, serves all that it acknowledged, and goes on (V7, T64)", async () => {
    const life = await liveOnce();
    const steps = stepsToKill(life.steps);
    expect(steps.map(({ label }) => label)).toEqual(
      expect.arrayContaining([
        "after commit",
        "after git index-pack",
        "before rename git .idx",
        "after git update-ref",
      ]),
    );
    const findings: string[] = [];
    const killOne = async () => {
      for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
        const { moment, label } = step;
        const result = await killAtStep(step);
        findings.push(...result.findings.map((text) => `${moment.action.name}, ${label}: ${text}`));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, killOne));
    life.discard();
    expect(findings).toEqual([]);
  }, 300_000);

  test.each<[ProcessRuntime, number]>([
    ["node", 2],
    ["bun", 1],
    ["deno", 1],
  ])(
    "at random moments on %s, serves all that it acknowledged",
    async (runtime, kills) => {
      const { counts, findings } = await killAtRandom({ runtime, kills, random: Math.random });
      expect(findings).toEqual([]);
      expect(counts.events).toBeGreaterThan(0);
    },
    120_000,
  );
});
