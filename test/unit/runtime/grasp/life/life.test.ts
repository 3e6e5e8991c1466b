import fc from "fast-check";
import { expect, test } from "vitest";
import { Grasp } from "../../../../../runtime/grasp/grasp.ts";
import { report, runScenes, scenes } from "./scenes.ts";

/** 10,000 by name: `MILLRACE_RUNS=10000 npm run test:unit -- life.test` (V2). */
const RUNS = Number(process.env.MILLRACE_RUNS ?? 300);
const SEED = process.env.MILLRACE_SEED;

test("every promise holds at every step of random lives, with crashes at any write (V2)", {
  timeout: 60_000 + RUNS * 200,
}, async () => {
  const property = fc.asyncProperty(scenes, (steps) => runScenes({ Grasp }, steps));
  const details = await fc.check(property, {
    numRuns: RUNS,
    ...(SEED === undefined ? {} : { seed: Number(SEED) }),
  });
  expect(details.failed, details.failed ? report(details) : "").toBe(false);
});
