import { expect, test } from "vitest";
import { fastlyErlLimiter } from "../../../../runtime/limiters/fastly-erl.ts";
import type { RateLimit } from "../../../../runtime/platform.ts";

/** Never drops a count, and records the periods of look-ups. */
function world() {
  const counts = new Map<string, number>();
  const durations: number[] = [];
  const longer: [string, RateLimit][] = [];
  let opened = 0;
  const limiter = fastlyErlLimiter({
    open() {
      opened++;
      return {
        increment: (entry, delta) => void counts.set(entry, (counts.get(entry) ?? 0) + delta),
        lookupCount(entry, seconds) {
          durations.push(seconds);
          return counts.get(entry) ?? 0;
        },
      };
    },
    longer: {
      take(key, rate) {
        longer.push([key, rate]);
        return { admitted: true, remaining: 7, retryAfterMs: 0 };
      },
    },
  });
  return { limiter, durations, longer, opened: () => opened };
}

test("admits up to the limit, counts down, and does not count refused takes", async () => {
  const { limiter, opened } = world();
  expect(opened(), "nothing is opened before the first take").toBe(0);
  const takes = [];
  for (let n = 0; n < 5; n++) takes.push(await limiter.take("key", { limit: 3, windowMs: 60_000 }));
  expect(takes.map(({ admitted }) => admitted)).toEqual([true, true, true, false, false]);
  expect(takes.map(({ remaining }) => remaining)).toEqual([2, 1, 0, 0, 0]);
  expect(takes[4]!.retryAfterMs).toBeGreaterThan(0);
  expect((await limiter.take("other", { limit: 3, windowMs: 60_000 })).admitted).toBe(true);
  expect(opened()).toBe(1);
});

test("rounds the window up to multiples of ten seconds", async () => {
  const { limiter, durations } = world();
  for (const windowMs of [1, 1000, 10_000, 10_001, 45_000, 60_000])
    await limiter.take("key", { limit: 99, windowMs });
  expect(durations).toEqual([10, 10, 10, 20, 50, 60]);
});

test("passes windows of more than a minute to the other limiter", async () => {
  const { limiter, durations, longer } = world();
  const rate = { limit: 10, windowMs: 3_600_000 };
  expect(await limiter.take("key", rate)).toEqual({ admitted: true, remaining: 7, retryAfterMs: 0 });
  expect(longer).toEqual([["key", rate]]);
  expect(durations).toEqual([]);
});
