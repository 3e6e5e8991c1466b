import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  growthOf,
  lastOf,
  ratesOf,
  type Sample,
  SPAN_MS,
  sampleOf,
  storeGrowth,
  summaryOf,
  sumOf,
  withSample,
} from "../../../../worker/admin/page/history.ts";
import {
  formatBytes,
  formatDuration,
  formatNumber,
  formatSeconds,
  formatShare,
  formatShort,
  quantile,
  ticksTo,
} from "../../../../worker/admin/page/numbers.ts";
import { busyStatus } from "../../../support/busy-status.ts";

describe("numbers as people read them", () => {
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

  test("a share of nothing is no number", () => {
    expect([formatShare(1, 3), formatShare(0, 0)]).toEqual(["33 %", "–"]);
  });
});

test("an axis begins at 0, reaches what it must, and has few round steps", () => {
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

test("a quantile lies in the bucket that holds it", () => {
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

describe("the history", () => {
  const sample = (atMs: number, minted: number, instance = "a"): Sample => ({
    ...sampleOf(busyStatus(0), atMs),
    instance,
    counters: { organic: 0, service: 0, api: 0, minted, serverErrors: 0, storeErrors: 0, faults: 0 },
  });
  const values = (samples: Sample[]) => ratesOf(samples, "minted", 1000).map(({ value }) => value);

  test("is bounded in time and in number", () => {
    let samples: Sample[] = [];
    for (let n = 0; n < 10_000; n++) {
      samples = withSample(samples, sample(n * 2000, n));
      expect(samples.length).toBeLessThanOrEqual(SPAN_MS / 2000 + 1);
    }
    expect(samples[0]!.atMs).toBe(9999 * 2000 - SPAN_MS);
    for (let n = 0; n < 1000; n++) samples = withSample(samples, sample(20_000_000, n));
    expect(samples.length).toBe(400);
  });

  test("turns counters into rates", () => {
    expect(values([sample(0, 5), sample(2000, 9), sample(3000, 9)])).toEqual([null, 2, 0]);
    expect(values([sample(0, 5), sample(0, 9)])).toEqual([null, null]);
  });

  test("takes a counter that fell for one that began anew", () => {
    expect(values([sample(0, 500), sample(1000, 3), sample(2000, 4)])).toEqual([null, 0, 1]);
    expect(growthOf([sample(0, 500), sample(1000, 3), sample(2000, 4)], "minted")).toBe(1);
  });

  test("never compares one instance with another", () => {
    const mixed = [sample(0, 100, "a"), sample(1000, 7, "b"), sample(2000, 104, "a"), sample(3000, 8, "b")];
    expect(values(mixed)).toEqual([null, null, 2, 0.5]);
    expect(growthOf(mixed, "minted")).toBe(5);
  });

  test("adds up what the store did in it, by bucket", () => {
    const [first, last] = [busyStatus(100), busyStatus(160)];
    const grown = storeGrowth([sampleOf(first, 0), sampleOf(last, 60_000)]);
    const all = (counts: number[] | undefined) => counts!.reduce((sum, count) => sum + count, 0);
    expect(all(grown.get("get"))).toBeGreaterThan(60 * 420 - 20);
    expect(all(grown.get("get"))).toBeLessThan(60 * 420 + 20);
    expect(grown.get("put")).toHaveLength(19);
    expect(
      storeGrowth([sampleOf(first, 0)])
        .get("get")!
        .every((count) => count === 0),
    ).toBe(true);
  });

  test("sums what has all of the labels asked for", () => {
    const status = busyStatus(1000);
    const gdpr = ["true", "false"].map((allowed) =>
      sumOf(status, "ec_consent_total", { jurisdiction: "gdpr", allowed }),
    );
    expect(sumOf(status, "ec_consent_total", { jurisdiction: "gdpr" })).toBe(gdpr[0]! + gdpr[1]!);
    expect(sumOf(status, "no_such_total")).toBe(0);
  });

  test("has no last value and no summary before there is one", () => {
    expect([lastOf([]), lastOf([{ atMs: 0, value: null }])]).toEqual([null, null]);
    expect(summaryOf([{ atMs: 0, value: null }])).toBeNull();
    expect(
      summaryOf([
        { atMs: 0, value: null },
        { atMs: 1, value: 1 },
        { atMs: 2, value: 5 },
      ]),
    ).toEqual({ mean: 3, max: 5 });
  });
});
