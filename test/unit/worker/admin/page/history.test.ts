import { describe, expect, test } from "vitest";
import { SPAN_MS, sumOf } from "../../../../../worker/admin/figures.ts";
import {
  growthOf,
  lastOf,
  ratesOf,
  type Sample,
  sampleOf,
  samplesOf,
  startOf,
  storeGrowth,
  summaryOf,
  withSample,
} from "../../../../../worker/admin/page/history.ts";
import { busyStatus } from "../../../../support/busy-status.ts";

describe("the history", () => {
  const sample = (atMs: number, minted: number, instance = "a"): Sample => ({
    ...sampleOf(busyStatus(0), { counters: { minted }, levels: {} }, atMs),
    instance,
  });
  const none = { counters: {}, levels: {} };
  const values = (samples: Sample[]) => ratesOf(samples, "minted", 1000).map(({ value }) => value);

  test("keeps at most five minutes and 400 samples", () => {
    let samples: Sample[] = [];
    for (let n = 0; n < 10_000; n++) {
      samples = withSample(samples, sample(n * 2000, n));
      expect(samples.length).toBeLessThanOrEqual(SPAN_MS / 2000 + 1);
    }
    expect(samples[0]!.atMs).toBe(9999 * 2000 - SPAN_MS);
    for (let n = 0; n < 1000; n++) samples = withSample(samples, sample(20_000_000, n));
    expect(samples.length).toBe(400);
  });

  test("continues what the server kept, on the page's clock", () => {
    const kept = { at_ms: 90_000, counters: { minted: 5 }, levels: {}, store: { get: [1, 2] } };
    const samples = samplesOf({ instance: "a", now_ms: 100_000, samples: [kept] }, 20_000);
    expect(samples).toEqual([
      { atMs: 10_000, instance: "a", counters: { minted: 5 }, levels: {}, store: new Map([["get", [1, 2]]]) },
    ]);
    expect(values([...samples, sample(12_000, 9)])).toEqual([null, 2]);
  });

  test("ratesOf returns the rate over the last twelve seconds, or since the sample before", () => {
    expect(values([sample(0, 5), sample(2000, 9), sample(4000, 9)])).toEqual([null, 2, 1]);
    expect(values([sample(0, 0), sample(6000, 30), sample(12_000, 30), sample(18_000, 30)])).toEqual([
      ...[null, 5, 2.5, 0],
    ]);
    // The page was hidden for a minute.
    expect(values([sample(0, 0), sample(60_000, 60), sample(62_000, 70)])).toEqual([null, 1, 5]);
    expect(values([sample(0, 5), sample(0, 9)])).toEqual([null, null]);
  });

  test("one event is as high among the server's samples of the past as among the page's", () => {
    const highest = (everyMs: number) => {
      const samples = Array.from({ length: 40 }, (_, n) =>
        sample(n * everyMs, n * everyMs >= 60_000 ? 1 : 0),
      );
      return Math.max(...values(samples).map((value) => value ?? 0));
    };
    expect(highest(5000) / highest(2000)).toBeCloseTo(1.2);
  });

  test("a counter that fell counts as restarted", () => {
    expect(values([sample(0, 500), sample(1000, 3), sample(2000, 4)])).toEqual([null, 0, 0.5]);
    expect(growthOf([sample(0, 500), sample(1000, 3), sample(2000, 4)], "minted")).toBe(1);
  });

  test("rates and growth compare samples of one instance only", () => {
    const mixed = [sample(0, 100, "a"), sample(1000, 7, "b"), sample(2000, 104, "a"), sample(3000, 8, "b")];
    expect(values(mixed)).toEqual([null, null, 2, 0.5]);
    expect(growthOf(mixed, "minted")).toBe(5);
  });

  test("storeGrowth sums the store's operations by bucket", () => {
    const [first, last] = [busyStatus(100), busyStatus(160)];
    const grown = storeGrowth([sampleOf(first, none, 0), sampleOf(last, none, 60_000)]);
    const all = (counts: number[] | undefined) => counts!.reduce((sum, count) => sum + count, 0);
    expect(all(grown.get("get"))).toBeGreaterThan(60 * 420 - 20);
    expect(all(grown.get("get"))).toBeLessThan(60 * 420 + 20);
    expect(grown.get("put")).toHaveLength(19);
    expect(
      storeGrowth([sampleOf(first, none, 0)])
        .get("get")!
        .every((count) => count === 0),
    ).toBe(true);
  });

  test("sumOf sums the series that have all given labels", () => {
    const status = busyStatus(1000);
    const gdpr = ["true", "false"].map((allowed) =>
      sumOf(status, "millrace_ec_consent_total", { jurisdiction: "gdpr", allowed }),
    );
    expect(sumOf(status, "millrace_ec_consent_total", { jurisdiction: "gdpr" })).toBe(gdpr[0]! + gdpr[1]!);
    expect(sumOf(status, "no_such_total")).toBe(0);
  });

  test("lastOf and summaryOf return null without values", () => {
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

  test("startOf returns when the samples begin, and null once they fill five minutes", () => {
    expect(startOf([])).toBeNull();
    expect(startOf([sample(7000, 0)])).toBe(7000);
    expect(startOf([sample(7000, 0), sample(200_000, 0)])).toBe(7000);
    expect(startOf([sample(7000, 0), sample(7000 + SPAN_MS, 0)])).toBeNull();
    // The oldest sample of a full period may be up to one poll younger than the period.
    expect(startOf([sample(7000, 0), sample(7000 + SPAN_MS - 2000, 0)])).toBeNull();
  });
});
