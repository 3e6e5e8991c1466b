import { beforeEach, describe, expect, test } from "vitest";
import { SEEN_PER_ADDRESS, SeenLately } from "../../../../runtime/ec/seen-lately.ts";
import { createHotPath } from "../../../../wasm/hotpath.ts";
import { inlineKernels } from "../../../../wasm/inline.ts";

const idOf = (n: number) => `${n.toString(16).padStart(64, "0")}.abc123`;
const random = { fill: (target: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(target) };

describe("SeenLately", () => {
  let nowMs: number;
  let full: number;
  const create = (maxKeys = 10_000) =>
    new SeenLately({
      hotPath: createHotPath(inlineKernels(), { maxKeys, random }),
      time: () => nowMs,
      onFull: () => full++,
    });

  beforeEach(() => {
    nowMs = 1_000_000_000;
    full = 0;
  });

  test("isUnseen is true once in 300 s for each id", () => {
    const seen = create();
    expect(seen.isUnseen(idOf(1), "192.0.2.1")).toBe(true);
    expect(seen.isUnseen(idOf(1), "192.0.2.1")).toBe(false);
    expect(seen.isUnseen(idOf(1), "192.0.2.2")).toBe(false);
    expect(seen.isUnseen(idOf(2), "192.0.2.1")).toBe(true);
    nowMs += 299_000;
    expect(seen.isUnseen(idOf(1), "192.0.2.1")).toBe(false);
    nowMs += 2000;
    expect(seen.isUnseen(idOf(1), "192.0.2.1")).toBe(true);
  });

  test("isUnseen is true again after forget", () => {
    const seen = create();
    seen.isUnseen(idOf(1), null);
    seen.forget(idOf(1));
    expect(seen.isUnseen(idOf(1), null)).toBe(true);
  });

  test("isUnseen is false for an address that sent too many ids, and true for others", () => {
    const seen = create();
    for (let n = 0; n < SEEN_PER_ADDRESS; n++) expect(seen.isUnseen(idOf(n), "192.0.2.1")).toBe(true);
    expect(seen.isUnseen(idOf(1000), "192.0.2.1")).toBe(false);
    expect(seen.isUnseen(idOf(1000), "192.0.2.2")).toBe(true);
  });

  test("a full table is reported, and isUnseen is false", () => {
    const seen = create(1000);
    for (let n = 0; full === 0 && n < 100_000; n++) seen.isUnseen(idOf(n), `192.0.2.${n % 250}`);
    expect(full).toBe(1);
    expect(seen.isUnseen(idOf(999_999), "192.0.2.1")).toBe(false);
  });
});
