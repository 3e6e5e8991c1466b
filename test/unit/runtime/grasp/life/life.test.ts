import fc from "fast-check";
import { expect, test } from "vitest";
import { Grasp } from "../../../../../runtime/grasp/grasp.ts";
import { amount } from "../../../../support/amount.ts";
import { runOrders, twoOrders } from "./order.ts";
import { report, runScenes, scenes } from "./scenes.ts";

/** 10,000 by name: `MILLRACE_RUNS=10000 npm run test:unit -- life.test` (V2). */
const RUNS = Number(process.env.MILLRACE_RUNS ?? amount(180, 60));
const SEED = process.env.MILLRACE_SEED;
const seeded = SEED === undefined ? {} : { seed: Number(SEED) };

test("every promise holds at every step of random lives, with crashes at any write (V2)", {
  timeout: 60_000 + RUNS * 600,
}, async () => {
  const property = fc.asyncProperty(scenes, (steps) => runScenes({ Grasp }, steps));
  const details = await fc.check(property, { numRuns: RUNS, ...seeded });
  expect(details.failed, details.failed ? report(details) : "").toBe(false);
});

test("the same events and objects in two orders end in the same served events and refs (V2, property 7)", {
  timeout: 60_000 + RUNS * 600,
}, async () => {
  const property = fc.asyncProperty(twoOrders, (orders) => runOrders({ Grasp }, orders));
  const details = await fc.check(property, { numRuns: Math.ceil(RUNS / 20), ...seeded });
  const orders = JSON.stringify(details.counterexample?.[0], null, 1);
  expect(details.failed, `${details.errorInstance} seed ${details.seed} ${orders}`).toBe(false);
});
