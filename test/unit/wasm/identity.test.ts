import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createHotPath } from "../../../wasm/hotpath.ts";
import { KernelMemory } from "../../../wasm/memory.ts";
import { hotPathOf, packagings, repeatable } from "./packagings.ts";
import { hashVectors, passphrase } from "./vectors.ts";

const form = /^[0-9a-f]{64}\.[0-9A-Za-z]{6}$/;
const alphanumerics = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

describe.each(packagings)("identity, $packaging", (kernels) => {
  it("validate decides every character at every place as the regular expression does", () => {
    const hotPath = hotPathOf(kernels);
    const id = `${hashVectors[0]![1]}.a0Z9zA`;
    for (let place = 0; place < id.length; place++) {
      for (let unit = 0; unit < 0x180; unit++) {
        const text = id.slice(0, place) + String.fromCharCode(unit) + id.slice(place + 1);
        if (hotPath.validate(text) !== form.test(text)) expect.fail(`unit ${unit} at ${place}`);
      }
    }
  });

  it("validate ignores what an earlier call left after the text", () => {
    const hotPath = hotPathOf(kernels);
    const id = `${hashVectors[0]![1]}.a0Z9zA`;
    expect(hotPath.validate(id)).toBe(true);
    for (let length = 0; length < 71; length++) expect(hotPath.validate(id.slice(0, length))).toBe(false);
  });

  it("knows a text again, unless another call used the input since", () => {
    const hotPath = hotPathOf(kernels);
    const id = `${hashVectors[0]![1]}.a0Z9zA`;
    const bytes = new Uint8Array(100);
    const take = (key: string) => hotPath.take(key, 1000, 1000, 1).admitted;
    const others: [string, () => unknown][] = [
      ["setKey", () => hotPath.setKey(0, passphrase)],
      ["sha256", () => hotPath.sha256(bytes)],
      ["a long sha256", () => hotPath.sha256(new Uint8Array(70_000))],
      ["sha256 in pieces", () => hotPath.createSha256().update(bytes)],
      ["hmac", () => hotPath.hmac(0, bytes)],
      ["equal", () => hotPath.equal(bytes, bytes)],
      ["hashHex", () => hotPath.hashHex(0, "203.0.113.1")],
      ["mint", () => hotPath.mint(0, "203.0.113.1")],
      ["the seed of windows, and a take", () => take("another")],
      ["a take of a text that is too long", () => take("k".repeat(70_000))],
      ["a take of a text beyond ASCII", () => take("ü".repeat(71))],
      ["hash64", () => hotPath.hash64("text")],
      ["validate", () => hotPath.validate("x".repeat(71))],
    ];
    for (const [name, other] of others) {
      for (const text of [id, `${id.slice(0, 70)}-`]) {
        for (let i = 0; i < 2; i++) {
          if (hotPath.validate(text) !== (text === id)) expect.fail(name);
          other();
          if (hotPath.validate(text) !== (text === id)) expect.fail(`after ${name}`);
        }
      }
    }
    expect([take(id), take(id), hotPath.peek(id, 1000, 1000, 1).admitted]).toEqual([true, false, false]);
  });

  it("copies a text that is in the input already not again", () => {
    const wasm = kernels.instantiate();
    const memory = new KernelMemory(wasm);
    const bytes = new Uint8Array(wasm.memory.buffer, wasm.input(), 3);
    expect(memory.write("abc")).toBe(3);
    bytes.fill(0);
    expect(memory.write("abc")).toBe(3);
    expect([...bytes]).toEqual([0, 0, 0]);
    memory.input.fill(1);
    expect(memory.write("abc")).toBe(3);
    expect([...bytes]).toEqual([97, 98, 99]);
  });

  it("mint returns valid ids with the EC hash", () => {
    const hotPath = hotPathOf(kernels);
    hotPath.setKey(0, passphrase);
    for (const [address, hash] of hashVectors) {
      expect(hotPath.hashHex(0, address)).toBe(hash);
      const id = hotPath.mint(0, address);
      expect(id.slice(0, 65)).toBe(`${hash}.`);
      expect(hotPath.validate(id)).toBe(true);
    }
  });

  it("mint maps the same number of byte values to each alphanumeric character, and skips the rest", () => {
    const counts = new Map<string, number>();
    for (let byte = 0; byte < 256; byte++) {
      // One byte value, five times; then zeros, so that a skipped byte does not exhaust the random bytes.
      const random = {
        fill(target: Uint8Array) {
          target.fill(0);
          target.fill(byte, 0, 5);
        },
      };
      const hotPath = createHotPath(kernels, { maxKeys: 1, random });
      hotPath.setKey(0, passphrase);
      const [first] = hotPath
        .mint(0, "203.0.113.1")
        .slice(65, 70)
        .match(/^(.)\1{4}$/)!;
      if (byte >= 248) expect(first).toBe("00000");
      else counts.set(first[0]!, (counts.get(first[0]!) ?? 0) + 1);
    }
    expect([...counts.keys()].sort().join("")).toBe([...alphanumerics].sort().join(""));
    expect(new Set(counts.values())).toEqual(new Set([4]));
  });

  it("mint asks for random bytes in bulk, only when they are used up, and uses no byte twice", () => {
    const random = repeatable();
    const hotPath = createHotPath(kernels, { maxKeys: 1, random });
    hotPath.setKey(0, passphrase);
    const expected = repeatable();
    let pool = new Uint8Array();
    for (let i = 0; i < 2000; i++) {
      let suffix = "";
      while (suffix.length < 6) {
        if (pool.length === 0) {
          suffix = ""; // what was drawn for an id that could not be finished is thrown away
          pool = new Uint8Array(2048);
          expected.fill(pool);
        }
        const byte = pool[0]!;
        pool = pool.subarray(1);
        if (byte < 248) suffix += alphanumerics[byte % 62];
      }
      expect(hotPath.mint(0, "203.0.113.1").slice(65)).toBe(suffix);
    }
    expect(random.calls).toBe(expected.calls);
  });

  it("mint throws if the random source is broken", () => {
    const hotPath = createHotPath(kernels, { maxKeys: 1, random: { fill: (target) => target.fill(255) } });
    hotPath.setKey(0, passphrase);
    expect(() => hotPath.mint(0, "203.0.113.1")).toThrow("random source");
  });

  it("hashHex accepts any characters, and refuses texts longer than any address", () => {
    const hotPath = hotPathOf(kernels);
    hotPath.setKey(0, passphrase);
    const key = hotPathOf(kernels);
    key.setKey(0, passphrase);
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        const code = hotPath.hmac(0, new TextEncoder().encode(text));
        return key.hashHex(0, text) === Buffer.from(code).toString("hex");
      }),
      { numRuns: 100 },
    );
    expect(() => hotPath.mint(0, "x".repeat(65_537))).toThrow(RangeError);
    expect(() => hotPath.hashHex(0, "é".repeat(40_000))).toThrow(RangeError);
  });
});
