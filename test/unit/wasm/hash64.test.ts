import { describe, expect, it } from "vitest";
import { createHotPath } from "../../../wasm/hotpath.ts";
import { hotPathOf, packagings, repeatable } from "./packagings.ts";
import { sipHash } from "./siphash.ts";

const key = Uint8Array.from({ length: 16 }, (_, i) => i);
const utf8 = (text: string) => new TextEncoder().encode(text);
const texts = [
  ...Array.from({ length: 70 }, (_, length) => "abcdefghijklmnopqrstuvwxyz".repeat(3).slice(0, length)),
  "zażółć gęślą jaźń",
  "\u{1f600}".repeat(40),
  "x".repeat(255),
  "x".repeat(256),
  "x".repeat(65_536),
];

describe("the reference SipHash", () => {
  it("returns the published results of the paper and of its authors' code", () => {
    const message = (length: number) => Uint8Array.from({ length }, (_, i) => i);
    expect(sipHash(2, 4, key, message(0))).toBe(0x726fdb47dd0e0e31n);
    expect(sipHash(2, 4, key, message(7))).toBe(0xab0200f58b01d137n);
    expect(sipHash(2, 4, key, message(8))).toBe(0x93f5f5799a932462n);
    expect(sipHash(2, 4, key, message(15))).toBe(0xa129ca6149be45e5n);
    expect(sipHash(2, 4, key, message(63))).toBe(0x958a324ceb064572n);
  });
});

describe.each(packagings)("hash64, $packaging", (kernels) => {
  it("is SipHash-1-3 of the UTF-8 of the text under the given seed", () => {
    const hotPath = createHotPath(kernels, { maxKeys: 1, random: { fill: (target) => target.set(key) } });
    for (const text of texts)
      expect(hotPath.hash64(text), text.slice(0, 80)).toBe(sipHash(1, 3, key, utf8(text)));
  });

  it("is seeded once, by the first use", () => {
    const random = repeatable();
    const hotPath = createHotPath(kernels, { maxKeys: 1, random });
    hotPath.setKey(0, key);
    hotPath.hashHex(0, "203.0.113.1");
    expect(random.calls).toBe(0);
    hotPath.hash64("a");
    hotPath.take("a", 0, 1, 1);
    expect(random.calls).toBe(1);
  });

  it("differs under another seed", () => {
    const other = createHotPath(kernels, { maxKeys: 1, random: repeatable(2) });
    expect(other.hash64("a")).not.toBe(hotPathOf(kernels).hash64("a"));
  });

  it("accepts texts of any length, and distinguishes long ones", () => {
    const hotPath = hotPathOf(kernels);
    const long = "é".repeat(40_000);
    expect(hotPath.hash64(`${long}a`)).toBe(hotPath.hash64(`${long}a`));
    expect(hotPath.hash64(`${long}a`)).not.toBe(hotPath.hash64(`${long}b`));
    expect(hotPath.take(`${long}a`, 0, 1000, 1).admitted).toBe(true);
    expect(hotPath.take(`${long}b`, 0, 1000, 1).admitted).toBe(true);
    expect(hotPath.take(`${long}a`, 0, 1000, 1).admitted).toBe(false);
  });
});
