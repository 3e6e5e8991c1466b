import { expect, test } from "vitest";
import { durableObjectLimiter, type Group, takeFrom } from "../../../../runtime/limiters/durable-object.ts";
import { limiterContract } from "../../../contract/limiter.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const cases = limiterContract({
  clockCanBeSetBack: true,
  open() {
    const clock = manualClock();
    const windows = new Map<string, Group[]>();
    const limiter = durableObjectLimiter({
      call: (key, operation) =>
        operation({
          async take(asked, rate) {
            expect(asked).toBe(key);
            const groups = windows.get(key) ?? [];
            windows.set(key, groups);
            return takeFrom(groups, clock.now(), rate);
          },
        }),
    });
    return { limiter, advance: clock.advance, dispose() {} };
  },
});

test.each(cases)("$name", ({ run }) => run());

test("whatever the limit, a window is a short text", () => {
  for (const limit of [1, 64, 65, 1000, 1_000_000]) {
    const groups: Group[] = [];
    let longest = 0;
    for (let n = 0; n < 5000; n++) {
      takeFrom(groups, 1_800_000_000_000 + n * 13, { limit, windowMs: 60_000 });
      longest = Math.max(longest, groups.length);
    }
    expect(longest).toBeLessThanOrEqual(65);
    expect(JSON.stringify(groups).length).toBeLessThan(3000);
  }
});

test("a limit below one admits nothing and says to come again after the window", () => {
  expect(takeFrom([], 5, { limit: 0, windowMs: 1000 })).toEqual({
    admitted: false,
    remaining: 0,
    retryAfterMs: 1000,
  });
});
