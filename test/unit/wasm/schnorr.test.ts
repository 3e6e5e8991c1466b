/**
 * The check of signatures in WebAssembly: BIP 340's own vectors, and another build of libsecp256k1, with other field code, on the same signatures.
 * @module
 */
import { createHash, randomBytes, randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { signSchnorr, verifySchnorr, xOnlyPointFromScalar } from "tiny-secp256k1";
import { expect, test } from "vitest";
import { openSchnorr, schnorrModule } from "../../../wasm/schnorr.ts";
import { root } from "../../support/spawn.ts";
import { VECTORS } from "./schnorr-vectors.ts";

const { input, verify } = openSchnorr();
const check = (hash: Uint8Array, key: Uint8Array, signature: Uint8Array) => {
  input.set(hash, 0);
  input.set(key, 32);
  input.set(signature, 64);
  return verify();
};
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));

test.each(VECTORS)("BIP 340, vector $number: $fault", ({ hash, key, signature, fault }) => {
  expect(check(bytes(hash), bytes(key), bytes(signature))).toBe(fault === null);
});

test("it agrees with the other build on good signatures and on each part with one bit changed", () => {
  const answers = { good: 0, bad: 0 };
  for (let round = 0; round < 60; round++) {
    const secret = randomBytes(32);
    const hash = Uint8Array.from(randomBytes(32));
    const signed = [hash, xOnlyPointFromScalar(secret), signSchnorr(hash, secret)];
    for (const changed of [null, 0, 1, 2]) {
      const [a, b, c] = signed.map((part) => Uint8Array.from(part)) as [Uint8Array, Uint8Array, Uint8Array];
      const part = [a, b, c][changed ?? 3];
      if (part !== undefined) part[randomInt(part.length)]! ^= 1 << randomInt(8);
      const isGood = check(a, b, c);
      expect(isGood).toBe(verifies(a, b, c));
      answers[isGood ? "good" : "bad"]++;
    }
  }
  expect(answers).toEqual({ good: 60, bad: 180 });
});

/** A key that is no point is an error there. */
function verifies(hash: Uint8Array, key: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verifySchnorr(hash, key, signature);
  } catch {
    return false;
  }
}

test("the module was made by the recipe that is here", () => {
  const hash = createHash("sha256");
  for (const file of ["wasm/schnorr/verify.c", "scripts/schnorr-module.ts"])
    hash.update(readFileSync(join(root, file)));
  const text = readFileSync(join(root, "wasm/schnorr/module.ts"), "utf8");
  expect(text.match(/Recipe: ([0-9a-f]{64})/)?.[1]).toBe(hash.digest("hex"));
});

test("it has no imports, and no memory but its own", () => {
  const module = new WebAssembly.Module(schnorrModule());
  expect(WebAssembly.Module.imports(module)).toEqual([]);
  expect(WebAssembly.Module.exports(module).map(({ name }) => name)).toEqual([
    "memory",
    "input_at",
    "verify",
  ]);
});
