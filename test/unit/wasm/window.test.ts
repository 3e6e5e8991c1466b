import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createHotPath } from "../../../wasm/hotpath.ts";
import { amount } from "../../support/amount.ts";
import { hotPathOf, packagings, repeatable } from "./packagings.ts";
import { WindowModel } from "./window-model.ts";
import * as properties from "./window-properties.ts";

describe.each(packagings)("windows, $packaging", (kernels) => {
  const numRuns = kernels.packaging === "portable" ? amount(40, 15) : amount(120, 40);

  it("give the results of the model for any clock and changing rates", () => {
    fc.assert(properties.agreesWithModel(kernels), { numRuns });
  });

  it("give the results of the model when the clock jumps far ahead and back", () => {
    fc.assert(properties.agreesWithModelWhenClockJumps(kernels), { numRuns });
  });

  it("recover from a jump of the clock in either direction", () => {
    fc.assert(properties.survivesJumps(kernels), { numRuns });
  });

  it("admit takes and free room one window after the clock was a year ahead", () => {
    const hotPath = hotPathOf(kernels, 8);
    const [now, year, hour] = [1_750_000_000_000, 365 * 86_400_000, 3_600_000];
    for (let i = 0; i < 3; i++) hotPath.take("k", now + year + i, hour, 3);
    for (let i = 0; i < 7; i++) hotPath.take(`other ${i}`, now + year, hour, 1);
    expect(hotPath.take("k", now, hour, 3)).toEqual({
      admitted: false,
      remaining: 0,
      retryAfterMs: hour - 2,
    });
    expect(hotPath.take("new", now + hour - 3, hour, 1).admitted).toBe(false);
    expect(hotPath.take("k", now + hour - 3, hour, 3).admitted).toBe(false);
    expect(hotPath.take("k", now + hour - 2, hour, 3)).toMatchObject({ admitted: true, remaining: 0 });
    expect(hotPath.take("new", now + hour, hour, 1).admitted).toBe(true);
  });

  it("give the results of the model when the table is full", () => {
    fc.assert(properties.agreesWithModelWhenFull(kernels), { numRuns });
  });

  it("never admit more than the limit", () => {
    fc.assert(properties.neverOverLimit(kernels), { numRuns });
  });

  it("refuse only what the rule refuses, with the right wait", () => {
    fc.assert(properties.refusesOnlyWhenDue(kernels), { numRuns });
  });

  it("accept or reject any arguments without damage", () => {
    fc.assert(properties.survivesAnyArguments(kernels), { numRuns });
  });

  it("admit up to the limit across a boundary where fixed windows would admit twice the limit", () => {
    const hotPath = hotPathOf(kernels);
    let admitted = 0;
    for (let i = 0; i < 10; i++) if (hotPath.take("k", 59_999, 60_000, 10).admitted) admitted++;
    for (let i = 0; i < 10; i++) if (hotPath.take("k", 60_001, 60_000, 10).admitted) admitted++;
    expect(admitted).toBe(10);
  });

  it("admit nothing extra when the clock steps back, and refuse no longer than the clock of the key", () => {
    const hotPath = hotPathOf(kernels);
    expect(hotPath.take("k", 10_000, 1000, 2)).toMatchObject({ admitted: true, remaining: 1 });
    expect(hotPath.take("k", 4000, 1000, 2)).toMatchObject({ admitted: true, remaining: 0 });
    expect(hotPath.take("k", 5500, 1000, 2)).toEqual({ admitted: false, remaining: 0, retryAfterMs: 5500 });
    expect(hotPath.take("k", 10_999, 1000, 2).admitted).toBe(false);
    expect(hotPath.take("k", 11_000, 1000, 2).admitted).toBe(true);
  });

  it("still count a removed key when the clock steps back", () => {
    const hotPath = hotPathOf(kernels, 8);
    for (let i = 0; i < 8; i++) expect(hotPath.take(`old ${i}`, 1000, 100, 1).admitted).toBe(true);
    expect(hotPath.take("new", 1150, 100, 1).admitted).toBe(true); // drops them all: their windows ended at 1100
    expect(hotPath.stats().keys).toBe(1);
    expect(hotPath.take("old 0", 1060, 100, 1).admitted).toBe(true); // counts as taken at 1100
    expect(hotPath.take("old 0", 1199, 100, 1).admitted).toBe(false);
    expect(hotPath.take("old 0", 1200, 100, 1).admitted).toBe(true);
  });

  it("apply a lowered or raised limit", () => {
    const hotPath = hotPathOf(kernels);
    for (let i = 0; i < 10; i++) hotPath.take("k", 1000 + i, 1000, 10);
    expect(hotPath.take("k", 1500, 1000, 3)).toEqual({ admitted: false, remaining: 0, retryAfterMs: 507 });
    expect(hotPath.peek("k", 1500, 1000, 12)).toEqual({ admitted: true, remaining: 2, retryAfterMs: 0 });
    expect(hotPath.take("k", 2007, 1000, 3).admitted).toBe(true);
  });

  it("count takes of a shorter window for a longer one", () => {
    const hotPath = hotPathOf(kernels);
    expect(hotPath.take("k", 0, 60_000, 5).admitted).toBe(true);
    for (let i = 1; i < 5; i++) expect(hotPath.take("k", i * 1000, 1000, 1).admitted).toBe(true);
    expect(hotPath.take("k", 5000, 60_000, 5)).toEqual({
      admitted: false,
      remaining: 0,
      retryAfterMs: 55_000,
    });
  });

  it("count every take for the longest window when a key has too many runs for its log", () => {
    const hotPath = hotPathOf(kernels);
    hotPath.take("k", 0, 100_000, 300);
    for (let i = 1; i <= 200; i++) expect(hotPath.take("k", i * 10, 50, 64).admitted).toBe(true);
    expect(hotPath.peek("k", 2000, 100_000, 300).remaining).toBe(300 - 201);
    // The oldest takes count as newer ones: all still count when the first could leave, none when the last may.
    expect(hotPath.peek("k", 100_000, 100_000, 300).remaining).toBe(300 - 201);
    expect(hotPath.peek("k", 102_000, 100_000, 300).remaining).toBe(300);
    expect(hotPath.take("k", 2000, 50, 6).remaining).toBe(0);
    expect(hotPath.take("k", 2000, 50, 6).admitted).toBe(false);
  });

  it("are exact for a key that was unused for more than 2^32 ms", () => {
    const hotPath = hotPathOf(kernels);
    const [start, window] = [1_750_000_000_000, 24 * 86_400_000];
    expect(hotPath.take("k", start, window, 1).admitted).toBe(true);
    expect(hotPath.take("k", start + window - 1, window, 1)).toMatchObject({
      admitted: false,
      retryAfterMs: 1,
    });
    expect(hotPath.take("k", start + 2 ** 32 + 5, window, 1).admitted).toBe(true);
    expect(hotPath.take("k", start + 2 ** 32 + 6, window, 1).admitted).toBe(false);
  });

  it("know the age of runs that were unused for the longest possible time", () => {
    const hotPath = hotPathOf(kernels);
    const [day, window] = [86_400_000, 24 * 86_400_000];
    const start = Math.ceil(1_750_000_000_000 / window) * window; // where a grain begins
    for (let i = 0; i < 50; i++) hotPath.take("k", start, window, 200);
    for (let i = 0; i < 50; i++) hotPath.take("k", start + window - 1, window, 200);
    hotPath.take("k", start + window, window, 200);
    hotPath.take("k", start + window + 1.5 * day - 1, window, 200);
    expect(hotPath.peek("k", start + 2 * window + 1.5 * day - 2, window, 200).remaining).toBe(200 - 2);
    expect(hotPath.peek("k", start + 2 * window + 1.5 * day - 1, window, 200).remaining).toBe(200);
  });

  it("keep exact times across a wrap of their low 32 bits", () => {
    const hotPath = hotPathOf(kernels);
    const wrap = 408 * 2 ** 32;
    for (let i = 0; i < 5; i++) expect(hotPath.take("k", wrap - 3 + i, 1000, 5).admitted).toBe(true);
    expect(hotPath.take("k", wrap + 500, 1000, 5)).toMatchObject({ admitted: false, retryAfterMs: 497 });
    expect(hotPath.take("k", wrap + 996, 1000, 5)).toMatchObject({ admitted: false, retryAfterMs: 1 });
    expect(hotPath.take("k", wrap + 997, 1000, 5)).toMatchObject({ admitted: true, remaining: 0 });
    expect(hotPath.take("k", wrap + 999, 1000, 5)).toMatchObject({ admitted: true, remaining: 1 });
  });

  it("round the time down and the window up", () => {
    const hotPath = hotPathOf(kernels);
    expect(hotPath.take("k", 10.9, 5, 1).admitted).toBe(true);
    expect(hotPath.take("k", 14.9, 4.1, 1)).toMatchObject({ admitted: false, retryAfterMs: 1 });
    expect(hotPath.take("k", 15, 4.1, 1).admitted).toBe(true);
  });

  it("refuse every take below a limit of 1, and store nothing", () => {
    const hotPath = hotPathOf(kernels);
    for (const limit of [0, -1, 0.99, Number.NEGATIVE_INFINITY]) {
      expect(hotPath.take("k", 0, 1000, limit)).toEqual({
        admitted: false,
        remaining: 0,
        retryAfterMs: 1000,
      });
    }
    expect(hotPath.stats().keys).toBe(0);
    expect(hotPath.take("k", 0, 1000, Number.POSITIVE_INFINITY)).toMatchObject({
      admitted: true,
      remaining: 2 ** 31 - 2,
    });
  });

  it("reject NaN and numbers out of range by name", () => {
    const hotPath = hotPathOf(kernels);
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    const wrong: [number, number, number][] = [
      [nan, 1, 1],
      [-1, 1, 1],
      [infinity, 1, 1],
      [2 ** 42, 1, 1],
      [0, nan, 1],
      [0, 0, 1],
      [0, -1, 1],
      [0, 24 * 86_400_000 + 1, 1],
      [0, infinity, 1],
      [0, 1, nan],
    ];
    for (const [now, window, limit] of wrong) {
      expect(() => hotPath.take("k", now, window, limit)).toThrow(
        `nowMs ${now}, windowMs ${window}, limit ${limit}`,
      );
      expect(() => hotPath.peek("k", now, window, limit)).toThrow(RangeError);
    }
    expect(hotPath.stats().keys).toBe(0);
  });

  it("forget empties the window of the key and of no other", () => {
    const hotPath = hotPathOf(kernels);
    for (const key of ["a", "b"]) for (let i = 0; i < 3; i++) hotPath.take(key, i, 1000, 3);
    hotPath.forget("a");
    hotPath.forget("never seen");
    expect(hotPath.peek("a", 5, 1000, 3)).toEqual({ admitted: true, remaining: 3, retryAfterMs: 0 });
    expect(hotPath.take("b", 5, 1000, 3).admitted).toBe(false);
  });

  it("refuse new keys when full, lose no live key, and remove expired keys first", () => {
    const hotPath = hotPathOf(kernels, 4);
    for (let i = 0; i < 4; i++) expect(hotPath.take(`k${i}`, i * 10, 1000, 1).admitted).toBe(true);
    expect(hotPath.peek("new", 500, 1000, 1)).toEqual({ admitted: false, remaining: 0, retryAfterMs: 500 });
    expect(hotPath.stats().refusedFull).toBe(0);
    expect(hotPath.take("new", 500, 1000, 1)).toEqual({ admitted: false, remaining: 0, retryAfterMs: 500 });
    expect(hotPath.stats()).toMatchObject({ keys: 4, refusedFull: 1 });
    for (let i = 0; i < 4; i++) expect(hotPath.take(`k${i}`, 999, 1000, 1).admitted).toBe(false);
    expect(hotPath.take("new", 1000, 1000, 1).admitted).toBe(true);
    expect(hotPath.take("newer", 1009, 1000, 1)).toMatchObject({ admitted: false, retryAfterMs: 1 });
    expect(hotPath.take("k0", 1009, 1000, 1).admitted).toBe(false);
    expect(hotPath.take("newer", 1010, 1000, 1).admitted).toBe(true);
  });

  it("hold the maximum number of keys even if some are 256 lines from home", () => {
    const maxKeys = 40_000;
    // One of a few hundred seeds with such a key.
    const hotPath = createHotPath(kernels, { maxKeys, random: repeatable(245) });
    for (let i = 0; i < maxKeys; i++) hotPath.take(`key ${i}`, 0, 1000, 1);
    expect(hotPath.stats()).toMatchObject({ keys: maxKeys, refusedFull: 0 });
    for (let i = 0; i < maxKeys; i++) hotPath.take(`key ${i}`, 1000, 1000, 1);
    expect(hotPath.stats()).toMatchObject({ keys: maxKeys, refusedFull: 0 });
    let admitted = 0;
    for (let i = 0; i < maxKeys; i++) if (hotPath.take(`key ${i}`, 1999, 1000, 1).admitted) admitted++;
    expect(admitted).toBe(0);
  });

  it("give the same results for more window lengths than the table has numbers", () => {
    const hotPath = hotPathOf(kernels, 1000);
    for (let i = 0; i < 300; i++) hotPath.take(`length ${i}`, 0, 10_000 - 30 * i, 1);
    const model = new WindowModel(1000);
    const [window, limit] = [1111, 64];
    for (let i = 0; i < 5000; i++) {
      const now = 20_000 + i * ((i >> 8) % 40);
      const wanted = model.take("k", now, window, limit);
      const got = hotPath.take("k", now, window, limit);
      if ("remaining" in wanted) expect(got).toMatchObject({ admitted: true, remaining: wanted.remaining });
      else
        expect(got).toMatchObject({ admitted: false, retryAfterMs: (wanted as { waitMs: number }).waitMs });
    }
    expect(hotPath.stats().keys).toBe(301);
  });

  it("refuse takes when the log is full, lose none, and recover", () => {
    const hotPath = hotPathOf(kernels, 16); // 97 runs
    for (let i = 0; i < 64; i++) expect(hotPath.take("a", i, 10_000, 64).admitted).toBe(true);
    let admitted = 0;
    while (hotPath.take("b", 100 + admitted, 20_000, 64).admitted) admitted++;
    expect(admitted).toBe(97 - 64);
    expect(hotPath.stats().refusedFull).toBe(1);
    const refused = hotPath.take("b", 9000, 20_000, 64);
    expect(refused.admitted).toBe(false);
    expect(hotPath.take("b", 9000 + refused.retryAfterMs, 20_000, 64).admitted).toBe(false); // "a" is not over yet
    expect(hotPath.take("b", 10_063, 20_000, 64)).toMatchObject({
      admitted: true,
      remaining: 64 - admitted - 1,
    });
  });

  it("find every key after many were removed", () => {
    const hotPath = hotPathOf(kernels, 500);
    const recent: string[] = [];
    for (let i = 0; i < 20_000; i++) {
      const key = `key ${Math.imul(i, 2654435761) >>> 0}`;
      expect(hotPath.take(key, i * 2, 990, 1).admitted).toBe(true);
      recent.push(key);
      if (recent.length > 495) recent.shift();
      if (i % 1000 === 999)
        for (const key of recent) expect(hotPath.peek(key, i * 2, 990, 1).admitted).toBe(false);
    }
  });
});
