import fc from "fast-check";
import { expect, test } from "vitest";
import { amount } from "../../../support/amount.ts";
import { engineModule } from "./engine-module.ts";
import { plainLimiter } from "./harness.ts";
import { hotPathLimiter } from "./hot-path-limiter.ts";
import { report, runSchedule, schedules } from "./schedules.ts";

const RUNS = Number(process.env.SCHEDULES ?? amount(2_000, 400));

test.for([
  ["the hot path's windows", hotPathLimiter],
  ["a limiter that remembers every take", plainLimiter],
] as const)(
  "every promise holds at every step of random schedules, on %s",
  {
    timeout: 120_000 + RUNS * 20,
  },
  async ([, limiter]) => {
    const property = fc.asyncProperty(schedules, async (schedule) => {
      await runSchedule(engineModule, schedule, { limiter });
    });
    const details = await fc.check(property, { numRuns: RUNS });
    expect(details.failed, details.failed ? report(details) : "").toBe(false);
  },
);
