import { plain } from "./built/plain.ts";
import { simd } from "./built/simd.ts";
import type { Kernels } from "./kernels.ts";
import { precompiledKernels } from "./precompiled.ts";

/** A module with one SIMD instruction: valid only on hosts with SIMD. */
const probe = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98,
  11,
]);

/** The bytes of lower-case hex digits. At the start of a process, `Uint8Array.from` takes five times as long as a loop. */
function decode(digits: string): Uint8Array<ArrayBuffer> {
  if (fromHex !== undefined) return fromHex(digits);
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = digitOf(digits.charCodeAt(2 * i)) * 16 + digitOf(digits.charCodeAt(2 * i + 1));
  }
  return bytes;
}

/** The value of a hex digit: 48 to 57 are "0" to "9", 97 to 102 are "a" to "f". */
const digitOf = (code: number): number => (code & 15) + 9 * (code >> 6);

/** Some hosts lack it, and so does TypeScript's library for this target. */
const { fromHex } = Uint8Array as { fromHex?: (digits: string) => Uint8Array<ArrayBuffer> };

/**
 * The kernels for hosts that can compile at run time. This module contains their bytes.
 * @param packaging Default: `simd` if the host has SIMD, otherwise `plain`.
 */
export function inlineKernels(
  packaging: "simd" | "plain" = WebAssembly.validate(probe) ? "simd" : "plain",
): Kernels {
  const module = new WebAssembly.Module(decode(packaging === "simd" ? simd : plain));
  return { ...precompiledKernels(module), packaging };
}
