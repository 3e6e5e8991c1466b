import { expect, test } from "vitest";
import { durableObjectLimiter, takeFromRuns } from "../../../../runtime/limiters/durable-object.ts";
import type { Run } from "../../../../runtime/limiters/window.ts";
import { limiterContract } from "../../../contract/limiter.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const cases = limiterContract({
  clockCanBeSetBack: true,
  open() {
    const clock = manualClock();
    const windows = new Map<string, Run[]>();
    const limiter = durableObjectLimiter({
      call: (key, operation) =>
        operation({
          async take(asked, rate) {
            expect(asked).toBe(key);
            const runs = windows.get(key) ?? [];
            windows.set(key, runs);
            return takeFromRuns(runs, clock.now(), rate);
          },
        }),
    });
    return { limiter, advance: clock.advance, dispose() {} };
  },
});

test.each(cases)("$name", ({ run }) => run());

test("a window never has more than 65 runs, for any limit", () => {
  for (const limit of [1, 64, 65, 1000, 1_000_000]) {
    const runs: Run[] = [];
    let longest = 0;
    for (let n = 0; n < 5000; n++) {
      takeFromRuns(runs, 1_800_000_000_000 + n * 13, { limit, windowMs: 60_000 });
      longest = Math.max(longest, runs.length);
    }
    expect(longest).toBeLessThanOrEqual(65);
    expect(JSON.stringify(runs).length).toBeLessThan(3000);
  }
});

test("takeFromRuns refuses every take if the limit is below 1, for the length of the window", () => {
  expect(takeFromRuns([], 5, { limit: 0, windowMs: 1000 })).toEqual({
    admitted: false,
    remaining: 0,
    retryAfterMs: 1000,
  });
});
