import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hotPathOf, packagings } from "./packagings.ts";

const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest();
const bytes = (length: number, seed = 1) =>
  Uint8Array.from({ length }, (_, i) => Math.imul(i + seed, 2654435761) >>> 13);

/** Every length around the ends of the first blocks and of the input region, and one mebibyte. */
const lengths = [
  0,
  1,
  2,
  3,
  54,
  55,
  56,
  57,
  63,
  64,
  65,
  119,
  120,
  127,
  128,
  129,
  65535,
  65536,
  65537,
  131072,
  1 << 20,
];

describe.each(packagings)("digests, $packaging", (kernels) => {
  const hotPath = hotPathOf(kernels);

  it("digests equal those of the platform at every length up to four blocks", () => {
    for (let length = 0; length <= 256; length++) {
      const data = bytes(length);
      expect(Buffer.from(hotPath.sha256(data)).equals(sha256(data)), `${length} bytes`).toBe(true);
    }
  });

  it("digests equal those of the platform around block and input boundaries, whole and in pieces", () => {
    for (const length of lengths) {
      const data = bytes(length);
      const wanted = sha256(data);
      expect(Buffer.from(hotPath.sha256(data)).equals(wanted), `${length} bytes`).toBe(true);
      for (const size of [1 + (length >> 3), 64, 61, 65536, 70001].filter((size) => length / size < 2000)) {
        const hasher = hotPath.createSha256();
        for (let at = 0; at < length; at += size) hasher.update(data.subarray(at, at + size));
        expect(Buffer.from(hasher.digest()).equals(wanted), `${length} bytes by ${size}`).toBe(true);
      }
    }
  });

  it("interleaved hashers, one-shot digests and HMACs do not affect each other", () => {
    hotPath.setKey(0, bytes(32));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(3), fc.uint8Array({ maxLength: 200 })), { maxLength: 40 }),
        (steps) => {
          const hashers = [0, 1, 2].map(() => ({
            ours: hotPath.createSha256(),
            theirs: createHash("sha256"),
          }));
          for (const [which, data] of steps) {
            const hasher = hashers[which];
            if (hasher) {
              hasher.ours.update(data);
              hasher.theirs.update(data);
            } else {
              hotPath.sha256(data);
              hotPath.hmac(0, data);
            }
          }
          for (const { ours, theirs } of hashers) {
            if (!Buffer.from(ours.digest()).equals(theirs.digest())) return false;
            if (!Buffer.from(ours.digest()).equals(sha256(new Uint8Array()))) return false;
          }
          return true;
        },
      ),
      { numRuns: 50 },
    );
  });

  it("HMACs equal those of the platform for any key and message", () => {
    for (const keyLength of [0, 1, 31, 63, 64, 65, 127, 128, 129, 65537]) {
      const key = bytes(keyLength, 3);
      hotPath.setKey(1, key);
      for (const length of lengths.filter((length) => length < 70_000 || keyLength === 64)) {
        const message = bytes(length, 5);
        const wanted = createHmac("sha256", key).update(message).digest();
        expect(Buffer.from(hotPath.hmac(1, message)).equals(wanted), `${keyLength}, ${length}`).toBe(true);
      }
    }
  });

  it("holds sixteen keys, and replaces one without affecting the others", () => {
    const code = (key: number) => createHmac("sha256", bytes(20, key)).update("message").digest("hex");
    for (let slot = 0; slot < 16; slot++) hotPath.setKey(slot, bytes(20, slot));
    hotPath.setKey(3, bytes(20, 99));
    for (let slot = 0; slot < 16; slot++) {
      expect(hotPath.hashHex(slot, "message")).toBe(code(slot === 3 ? 99 : slot));
    }
  });

  it("errors name a slot that does not exist or holds no key", () => {
    const empty = hotPathOf(kernels);
    for (const slot of [-1, 16, 0.5, Number.NaN]) {
      expect(() => empty.setKey(slot, bytes(3))).toThrow(`no HMAC key slot ${slot}`);
    }
    for (const slot of [-1, 0, 15, 16]) {
      expect(() => empty.mint(slot, "x")).toThrow(`slot ${slot} holds no key`);
      expect(() => empty.hashHex(slot, "x")).toThrow(`slot ${slot} holds no key`);
      expect(() => empty.hmac(slot, bytes(3))).toThrow(`slot ${slot} holds no key`);
    }
  });

  it("compares byte strings of any length", () => {
    for (const length of [0, 1, 31, 32, 32767, 32768, 32769, 70_000]) {
      const a = bytes(length);
      expect(hotPath.equal(a, a.slice()), `${length}`).toBe(true);
      for (const at of [0, length >> 1, length - 1].filter((at) => at >= 0 && at < length)) {
        for (const bit of [1, 128]) {
          const b = a.slice();
          b[at]! ^= bit;
          expect(hotPath.equal(a, b), `${length} at ${at}`).toBe(false);
        }
      }
      expect(hotPath.equal(a, bytes(length + 1))).toBe(false);
    }
  });

  it("results are copies", () => {
    const first = hotPath.sha256(bytes(1));
    const before = first.slice();
    hotPath.sha256(bytes(2));
    expect(first).toEqual(before);
  });
});
