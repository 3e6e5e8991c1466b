import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { transpile } from "@bytecodealliance/jco";
import { beforeAll, describe, expect, it } from "vitest";
import { type Answers, faults, passphrase, toHex } from "./vectors.ts";

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

interface Decision {
  admitted: boolean;
  remaining: number;
  retryAfterMs: bigint;
}

/** The functions of the WIT as jco binds them: `u64` is a bigint, a fault is thrown. */
interface Component {
  digest: {
    setKey(slot: number, key: Uint8Array): void;
    hmac(slot: number, message: Uint8Array): Uint8Array;
    sha256(message: Uint8Array): Uint8Array;
    begin(): void;
    update(piece: Uint8Array): void;
    finish(): Uint8Array;
    equal(a: Uint8Array, b: Uint8Array): boolean;
  };
  identity: {
    validate(id: string): boolean;
    hash(slot: number, normalisedIp: string): string;
    mint(slot: number, normalisedIp: string, random: Uint8Array): string;
  };
  window: {
    open(maxKeys: number, seed: [bigint, bigint]): void;
    take(key: string, nowMs: bigint, windowMs: number, limit: number): Decision;
    peek(key: string, nowMs: bigint, windowMs: number, limit: number): Decision;
    forget(key: string): void;
    stats(): { keys: number; refusedFull: bigint; bytes: bigint };
  };
}

let instantiate: () => Component;

beforeAll(async () => {
  await promisify(execFile)(process.execPath, [file("../../../wasm/build.ts"), "--component"], {
    timeout: 100_000,
  });
  const component = await readFile(file("../../../wasm/built/hotpath.component.wasm"));
  const { files, imports } = await transpile(component, {
    name: "hotpath",
    instantiation: "sync",
    noTypescript: true,
  });
  expect(imports).toEqual([]);
  const source = Buffer.from(files["hotpath.js"]!).toString("base64");
  const glue = await import(/* @vite-ignore */ `data:text/javascript;base64,${source}`);
  const core = new WebAssembly.Module(files["hotpath.core.wasm"] as Uint8Array<ArrayBuffer>);
  instantiate = () => glue.instantiate(() => core, {});
}, 120_000);

/** The payload of the fault that a call throws. */
function faultOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return (error as { payload?: unknown }).payload;
  }
  return "none";
}

/** The component with the functions that the vectors call. Messages that are too long for an argument use the stream. */
function answersOf({ digest, identity, window }: Component): Answers {
  const random = Uint8Array.from({ length: 32 }, (_, i) => i * 7);
  window.open(100, [1n, 2n]);
  return {
    validate: identity.validate,
    sha256(message) {
      if (message.length <= 65_536) return digest.sha256(message);
      digest.begin();
      for (let at = 0; at < message.length; at += 65_536) digest.update(message.subarray(at, at + 65_536));
      return digest.finish();
    },
    hmac(key, message) {
      digest.setKey(3, key);
      return digest.hmac(3, message);
    },
    hashHex(key, normalisedIp) {
      digest.setKey(3, key);
      return identity.hash(3, normalisedIp);
    },
    mint(key, normalisedIp) {
      digest.setKey(3, key);
      return identity.mint(3, normalisedIp, random);
    },
    take(key, nowMs, windowMs, limit) {
      const { admitted, remaining, retryAfterMs } = window.take(key, BigInt(nowMs), windowMs, limit);
      return { admitted, remaining, retryAfterMs: Number(retryAfterMs) };
    },
  };
}

describe("the component", () => {
  it("returns the published result for every vector", () => {
    // A string of a component cannot have a lone surrogate; jco replaces it, as the hot path does.
    expect(faults(answersOf(instantiate()))).toEqual([]);
  });

  it("returns each fault by name", () => {
    const { digest, identity, window } = instantiate();
    const bytes = new Uint8Array(3);
    expect(faultOf(() => digest.setKey(16, bytes))).toBe("no-such-slot");
    expect(faultOf(() => digest.hmac(16, bytes))).toBe("no-such-slot");
    expect(faultOf(() => digest.hmac(15, bytes))).toBe("no-key");
    expect(faultOf(() => identity.hash(0, "203.0.113.1"))).toBe("no-key");
    expect(faultOf(() => identity.mint(16, "203.0.113.1", bytes))).toBe("no-key");
    digest.setKey(0, passphrase);
    expect(faultOf(() => identity.mint(0, "203.0.113.1", bytes))).toBe("no-randomness");
    expect(faultOf(() => window.take("k", 0n, 1, 1))).toBe("not-open");
    expect(faultOf(() => window.open(0, [1n, 2n]))).toBe("out-of-range");
    expect(faultOf(() => window.open(3_700_001, [1n, 2n]))).toBe("out-of-range");
    expect(faultOf(() => window.open(10, [1n, 2n]))).toBe("none");
    expect(faultOf(() => window.open(10, [1n, 2n]))).toBe("open-already");
    expect(faultOf(() => window.take("k", 2n ** 42n, 1, 1))).toBe("out-of-range");
    expect(faultOf(() => window.take("k", 0n, 0, 1))).toBe("out-of-range");
    expect(faultOf(() => window.take("k", 0n, 24 * 86_400_000 + 1, 1))).toBe("out-of-range");
  });

  it("a stream is independent of other calls, and windows of other keys", () => {
    const { digest, window } = instantiate();
    const abc = new TextEncoder().encode("abc");
    digest.update(abc.subarray(0, 1));
    const once = digest.sha256(abc);
    digest.setKey(0, abc);
    digest.hmac(0, abc);
    digest.update(abc.subarray(1));
    expect(toHex(digest.finish())).toBe(toHex(once));
    digest.update(abc);
    expect(toHex(digest.finish())).toBe(toHex(once));

    expect(digest.equal(abc, abc.slice())).toBe(true);
    expect(digest.equal(abc, new Uint8Array(3))).toBe(false);
    expect(digest.equal(abc, abc.subarray(1))).toBe(false);
    expect(digest.equal(new Uint8Array(65_536), new Uint8Array(65_536))).toBe(true);

    window.forget("before it is open");
    window.open(2, [1n, 2n]);
    expect(window.peek("a", 5n, 1000, 1)).toEqual({ admitted: true, remaining: 1, retryAfterMs: 0n });
    expect(window.take("a", 5n, 1000, 1)).toEqual({ admitted: true, remaining: 0, retryAfterMs: 0n });
    expect(window.take("a", 6n, 1000, 1)).toEqual({ admitted: false, remaining: 0, retryAfterMs: 999n });
    window.forget("a");
    expect(window.take("a", 7n, 1000, 1).admitted).toBe(true);
    expect(window.take("b", 7n, 1000, 1).admitted).toBe(true);
    expect(window.take("c", 7n, 1000, 1)).toEqual({ admitted: false, remaining: 0, retryAfterMs: 998n });
    expect(window.stats()).toMatchObject({ keys: 2, refusedFull: 1n });
  });

  it("refuses an argument that is longer than its room", () => {
    const { digest } = instantiate();
    expect(toHex(digest.sha256(new Uint8Array(65_536)))).toHaveLength(64);
    expect(() => digest.sha256(new Uint8Array(200_000))).toThrow();
  });
});
