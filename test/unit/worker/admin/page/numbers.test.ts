import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatBytes,
  formatDuration,
  formatNumber,
  formatSeconds,
  formatShare,
  formatShort,
  quantile,
  ticksTo,
} from "../../../../../worker/admin/page/numbers.ts";

describe("formats", () => {
  test.each([
    [formatNumber, 0, "0"],
    [formatNumber, 0.4961, "0.496"],
    [formatNumber, 12.345, "12.3"],
    [formatNumber, 1234.5, "1,235"],
    [formatShort, 9999, "9,999"],
    [formatShort, 60_000, "60k"],
    [formatSeconds, 0.00005, "50 µs"],
    [formatSeconds, 0.0123, "12.3 ms"],
    [formatSeconds, 10, "10 s"],
    [formatDuration, 0, "0 s"],
    [formatDuration, 61_000, "1 min 1 s"],
    [formatDuration, 7_500_000, "2 h 5 min"],
    [formatDuration, 3 * 86_400_000 + 1000, "3 d"],
    [formatBytes, 2048, "2 KiB"],
    [formatBytes, 66_400_000, "63.3 MiB"],
  ])("%o of %d is %s", (format, value, text) => {
    expect(format(value)).toBe(text);
  });

  test("formatShare returns a dash if the whole is 0", () => {
    expect([formatShare(1, 3), formatShare(0, 0)]).toEqual(["33 %", "–"]);
  });
});

test("ticksTo returns 1 to 6 round steps from 0 to at least the maximum", () => {
  expect(ticksTo(0)).toEqual([0, 1]);
  expect(ticksTo(1)).toEqual([0, 0.5, 1]);
  expect(ticksTo(0.3)).toEqual([0, 0.1, 0.2, 0.3]);
  expect(ticksTo(410)).toEqual([0, 200, 400, 600]);
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), (max) => {
      const ticks = ticksTo(max);
      expect(ticks[0]).toBe(0);
      expect(ticks.at(-1)!).toBeGreaterThanOrEqual(max * (1 - 1e-9));
      expect(ticks.length).toBeGreaterThanOrEqual(2);
      expect(ticks.length).toBeLessThanOrEqual(7);
    }),
  );
});

test("quantile returns a value in the bucket that has the exact quantile", () => {
  expect(quantile([1, 2], [0, 0, 0], 0.5)).toBeNull();
  expect(quantile([1, 2], [0, 10, 0], 0.5)).toBe(1.5);
  expect(quantile([1, 2], [10, 0, 0], 0.99)).toBeCloseTo(0.99);
  expect(quantile([1, 2], [0, 0, 5], 0.5)).toBe(2);
  const bounds = [0.1, 0.5, 1, 5, 10];
  const values = fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (observed, part) => {
      const counts = new Array<number>(6).fill(0);
      for (const value of observed) counts[bounds.findIndex((bound) => value <= bound)]!++;
      const sorted = [...observed].sort((a, b) => a - b);
      const exact = sorted[Math.ceil(part * sorted.length - 1e-9) - 1]!;
      const bucket = bounds.findIndex((bound) => exact <= bound);
      const found = quantile(bounds, counts, part)!;
      expect(found).toBeGreaterThanOrEqual(bucket === 0 ? 0 : bounds[bucket - 1]!);
      expect(found).toBeLessThanOrEqual(bounds[bucket]!);
    }),
  );
});
