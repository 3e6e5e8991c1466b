import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Run, takeFromWindow } from "../../../../runtime/limiters/window.ts";
import { STEP_BACK_MS } from "../../../../wasm/hotpath.ts";

const START_MS = 1_800_000_000_000;
const RATE = { limit: 3, windowMs: 1000 };

/** The definition: at most `limit` takes in any `windowMs`. */
function expected(admittedMs: readonly number[], nowMs: number, { limit, windowMs }: typeof RATE) {
  const live = admittedMs.filter((atMs) => atMs > nowMs - windowMs);
  if (live.length < limit) return { admitted: true, remaining: limit - live.length - 1, retryAfterMs: 0 };
  return { admitted: false, remaining: 0, retryAfterMs: live[live.length - limit]! + windowMs - nowMs };
}

test("takeFromWindow without a grain is exact in both directions", () => {
  const rates = fc.record({
    limit: fc.integer({ min: 1, max: 8 }),
    windowMs: fc.integer({ min: 1, max: 40 }),
  });
  const gaps = fc.array(fc.nat({ max: 9 }), { maxLength: 80 });
  fc.assert(
    fc.property(rates, gaps, (rate, gaps) => {
      const runs: Run[] = [];
      const admittedMs: number[] = [];
      let nowMs = START_MS;
      for (const gap of gaps) {
        nowMs += gap;
        const wanted = expected(admittedMs, nowMs, rate);
        expect(takeFromWindow(runs, nowMs, rate)).toEqual(wanted);
        if (wanted.admitted) admittedMs.push(nowMs);
      }
    }),
  );
});

test("takeFromWindow with a grain never admits more than the limit", () => {
  const rate = { limit: 100, windowMs: 640 };
  const runs: Run[] = [];
  const admittedMs: number[] = [];
  for (let nowMs = START_MS; nowMs < START_MS + 5000; nowMs += 3) {
    if (takeFromWindow(runs, nowMs, rate, 10).admitted) admittedMs.push(nowMs);
    expect(admittedMs.filter((atMs) => atMs > nowMs - rate.windowMs).length).toBeLessThanOrEqual(rate.limit);
    expect(runs.length).toBeLessThanOrEqual(65);
  }
  expect(admittedMs.length).toBeGreaterThan(600);
});

describe("a clock that steps back", () => {
  test("takes count as made at the newest take if the step is small", () => {
    const runs: Run[] = [];
    for (let n = 0; n < RATE.limit; n++) takeFromWindow(runs, START_MS, RATE);
    expect(takeFromWindow(runs, START_MS - 100, RATE)).toMatchObject({ admitted: false, retryAfterMs: 1100 });
  });

  test("takes move back with the clock if the step is more than an hour", () => {
    const runs: Run[] = [];
    for (let n = 0; n < RATE.limit; n++) takeFromWindow(runs, START_MS, RATE);
    const nowMs = START_MS - STEP_BACK_MS - 1;
    expect(takeFromWindow(runs, nowMs, RATE)).toMatchObject({ admitted: false, retryAfterMs: 1000 });
    expect(takeFromWindow(runs, nowMs + 1000, RATE)).toMatchObject({ admitted: true });
  });
});

test.each([0, 0.5, -1])("a limit of %d refuses every take", (limit) => {
  const runs: Run[] = [];
  expect(takeFromWindow(runs, START_MS, { limit, windowMs: 1000 })).toEqual({
    admitted: false,
    remaining: 0,
    retryAfterMs: 1000,
  });
  expect(runs).toEqual([]);
});

test("a fractional limit admits its whole part", () => {
  const runs: Run[] = [];
  const take = () => takeFromWindow(runs, START_MS, { limit: 2.5, windowMs: 1000 });
  expect([take(), take(), take()].map(({ admitted, remaining }) => [admitted, remaining])).toEqual([
    [true, 1],
    [true, 0],
    [false, 0],
  ]);
});
