/**
 * Random lives of the service: events, pushes, fetches, deletions, expiry, clock jumps, failures and crashes, in any order.
 * @module
 */
import fc from "fast-check";
import { type Action, author, commit, type Step, step } from "./actions.ts";
import { Actor } from "./actor.ts";
import type { GraspModule } from "./life.ts";
import { scenario } from "./scenarios.ts";

/** A repository that works is where most faults would show: most lives begin with one. */
const opening: fc.Arbitrary<Step[]> = fc
  .record({
    maintainers: fc.uniqueArray(author, { maxLength: 2 }),
    commit,
    announcements: fc.nat(2),
  })
  .map(({ maintainers, commit: tip, announcements }) => {
    if (announcements === 0) return [];
    const actions: Action[] = [{ do: "announce", by: 0, on: 0, maintainers, listsUs: true, at: 0 }];
    if (announcements === 2) {
      actions.push({ do: "announce", by: 1, on: 0, maintainers: [0], listsUs: true, at: 0 });
    }
    const like = actions.length;
    actions.push({ do: "state", by: 0, on: 0, refs: [[0, tip]], at: 1 });
    actions.push({ do: "push", to: 0, on: 0, like, isWhole: true, meanwhile: null });
    return actions.map((one) => ({ actions: [one], crash: null }));
  });

export const scenes: fc.Arbitrary<Step[]> = fc
  .tuple(
    fc.oneof({ weight: 2, arbitrary: opening }, { weight: 1, arbitrary: scenario }),
    fc.array(step, { minLength: 1, maxLength: 14 }),
  )
  .map(([first, rest]) => [...first, ...rest]);

/** Runs one life. @throws {BrokenProperty} if a promise does not hold */
export async function runScenes(code: GraspModule, steps: readonly Step[]): Promise<void> {
  const actor = new Actor(code);
  try {
    for (const one of steps) await actor.step(one);
  } finally {
    await actor.end();
  }
}

/** A counterexample as text. */
export function report(details: fc.RunDetails<[Step[]]>): string {
  const steps = details.counterexample?.[0] ?? [];
  const lines = steps.map(({ actions, crash }) => {
    const crashes = crash === null ? "" : ` crash ${JSON.stringify(crash)}`;
    return `  ${actions.map((one) => JSON.stringify(one)).join(" | ")}${crashes}`;
  });
  return `${String(details.errorInstance)}\nseed ${details.seed}, after ${details.numRuns} runs, shrunk ${details.numShrinks} times:\n${lines.join("\n")}`;
}
