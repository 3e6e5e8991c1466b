/**
 * Checks signatures (BIP 340) with libsecp256k1, compiled by `scripts/schnorr-module.ts`.
 * @module
 */
import { bytesOfDigits } from "./hex-digits.ts";
import { digits } from "./schnorr/module.ts";

/** Bytes that a check reads: the hash that was signed, 32, the author's x-only public key, 32, and the signature, 64. */
export const SIGNED_BYTES = 128;

/** One instance of the module. */
export interface Schnorr {
  /** Where the caller writes the {@link SIGNED_BYTES}. */
  readonly input: Uint8Array<ArrayBuffer>;
  /** Whether the signature is the author's. A key that is no point has none. */
  verify(): boolean;
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  input_at(): number;
  verify(): number;
}

/** The bytes of the module, for other threads. */
export function schnorrModule(): Uint8Array<ArrayBuffer> {
  return bytesOfDigits(digits);
}

/** Creates an instance. Its memory never grows. */
export function openSchnorr(): Schnorr {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(schnorrModule()));
  const { memory, input_at, verify } = exports as unknown as Exports;
  return {
    input: new Uint8Array(memory.buffer, input_at(), SIGNED_BYTES),
    verify: () => verify() === 1,
  };
}
