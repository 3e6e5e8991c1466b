import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hotPathOf, packagings } from "../unit/wasm/packagings.ts";
import { hashVectors } from "../unit/wasm/vectors.ts";
import * as properties from "../unit/wasm/window-properties.ts";

const form = /^[0-9a-f]{64}\.[0-9A-Za-z]{6}$/;

/** Lengths from 0 to one mebibyte, half of them near the end of a block. */
const length = fc.oneof(
  fc.nat(300),
  fc
    .tuple(fc.nat(2048), fc.integer({ min: -10, max: 10 }))
    .map(([blocks, off]) => Math.max(0, blocks * 64 + off)),
  fc.nat(70_000),
  fc
    .tuple(fc.integer({ min: 1, max: 16 }), fc.integer({ min: -70, max: 70 }))
    .map(([n, off]) => n * 65_536 + off),
);
const source = new Uint8Array(1_048_700).map((_, i) => Math.imul(i + 1, 2654435761) >>> 11);

/** A message at a random offset of the source, so that messages of one length differ. */
const message = length.chain((length) =>
  fc.nat(source.length - length).map((start) => source.subarray(start, start + length)),
);

/** Texts that are almost ids. */
const almostId = fc
  .tuple(
    fc.array(
      fc.tuple(
        fc.nat(75),
        fc.oneof(fc.string({ unit: "binary", maxLength: 2 }), fc.constantFrom("\n", ".", "A", "g", "é")),
      ),
      {
        maxLength: 2,
      },
    ),
    fc.constantFrom("", "\n", "\r\n", "a", "\0"),
  )
  .map(([edits, end]) => {
    let text = `${hashVectors[0]![1]}.a0Z9zA`;
    for (const [at, replacement] of edits) text = text.slice(0, at) + replacement + text.slice(at + 1);
    return text + end;
  });

describe.each(packagings)("hot path at length, $packaging", (kernels) => {
  const slow = kernels.packaging === "portable" ? 4 : 1;
  const hotPath = hotPathOf(kernels);

  it("digests equal those of the platform", () => {
    fc.assert(
      fc.property(message, (data) => createHash("sha256").update(data).digest().equals(hotPath.sha256(data))),
      { numRuns: 3000 / slow },
    );
  });

  it("digests in pieces equal those of the platform", () => {
    fc.assert(
      fc.property(message, fc.array(fc.nat(70_000), { maxLength: 30 }), (data, sizes) => {
        const hasher = hotPath.createSha256();
        let rest = data;
        for (const size of [...sizes, rest.length]) {
          hasher.update(rest.subarray(0, size));
          rest = rest.subarray(size);
        }
        return createHash("sha256").update(data).digest().equals(hasher.digest());
      }),
      { numRuns: 2000 / slow },
    );
  });

  it("HMACs equal those of the platform", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(15), message, (key, slot, data) => {
        hotPath.setKey(slot, key);
        return createHmac("sha256", key).update(data).digest().equals(hotPath.hmac(slot, data));
      }),
      { numRuns: 2000 / slow },
    );
  });

  it("validate accepts exactly what the regular expression of an id accepts", () => {
    let valid = 0;
    fc.assert(
      fc.property(
        fc.oneof({ weight: 9, arbitrary: almostId }, { weight: 1, arbitrary: fc.string() }),
        (text) => {
          const wanted = form.test(text) && text.length === 71;
          if (wanted) valid++;
          return hotPath.validate(text) === wanted;
        },
      ),
      { numRuns: 50_000 / slow },
    );
    expect(valid).toBeGreaterThan(100);
  });

  it("windows give the results of the model", () => {
    fc.assert(properties.agreesWithModel(kernels), { numRuns: 8000 / slow });
  });

  it("windows give the results of the model when the clock jumps", () => {
    fc.assert(properties.agreesWithModelWhenClockJumps(kernels), { numRuns: 8000 / slow });
    fc.assert(properties.survivesJumps(kernels), { numRuns: 2000 / slow });
  });

  it("windows of full tables give the results of the model", () => {
    fc.assert(properties.agreesWithModelWhenFull(kernels), { numRuns: 8000 / slow });
  });

  it("never admits more than the limit", () => {
    fc.assert(properties.neverOverLimit(kernels), { numRuns: 8000 / slow });
  });

  it("refuses only what the rule refuses", () => {
    fc.assert(properties.refusesOnlyWhenDue(kernels), { numRuns: 4000 / slow });
  });

  it("accepts or rejects any arguments without damage", () => {
    fc.assert(properties.survivesAnyArguments(kernels), { numRuns: 4000 / slow });
  });
});
