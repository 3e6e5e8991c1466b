import { describe, expect, it } from "vitest";
import { createHotPath } from "../../../wasm/hotpath.ts";
import { answersOf } from "./answers.ts";
import { hotPathOf, packagings } from "./packagings.ts";
import { faults } from "./vectors.ts";

describe.each(packagings)("hot path, $packaging", (kernels) => {
  it("returns the published result for every vector", () => {
    expect(faults(answersOf(hotPathOf(kernels)))).toEqual([]);
  });

  it("takes at most 64 MiB for a million keys, less for fewer, and never grows", () => {
    const million = createHotPath(kernels, { random: { fill: () => {} } });
    expect(million.stats()).toMatchObject({ keys: 0, maxKeys: 1_000_000, refusedFull: 0 });
    expect(million.stats().bytes).toBeLessThanOrEqual(64 * 1024 * 1024);

    const small = hotPathOf(kernels, 1000);
    const { bytes } = small.stats();
    expect(bytes).toBeLessThan(320 * 1024);
    for (let i = 0; i < 3000; i++) small.take(`key ${i}`, i, 1000, 5);
    expect(small.stats()).toMatchObject({ keys: 1000, bytes });
  });

  it("refuses an impossible table size by name", () => {
    for (const maxKeys of [0, -1, 1.5, Number.NaN, 2 ** 22]) {
      expect(() => hotPathOf(kernels, maxKeys)).toThrow(`not ${maxKeys}`);
    }
  });

  it("instances do not affect each other", () => {
    const [a, b] = [hotPathOf(kernels), hotPathOf(kernels)];
    a.setKey(0, new Uint8Array([1]));
    b.setKey(0, new Uint8Array([2]));
    const first = a.hashHex(0, "203.0.113.1");
    expect(b.hashHex(0, "203.0.113.1")).not.toBe(first);
    expect(a.hashHex(0, "203.0.113.1")).toBe(first);
    expect(a.take("k", 0, 1000, 1).admitted).toBe(true);
    expect(b.take("k", 0, 1000, 1).admitted).toBe(true);
    expect(a.take("k", 0, 1000, 1).admitted).toBe(false);
  });
});
