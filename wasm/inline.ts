import { simd } from "./built/simd.ts";
import { bytesOfDigits } from "./hex-digits.ts";
import type { Kernels } from "./kernels.ts";
import { plainKernels } from "./plain.ts";
import { precompiledKernels } from "./precompiled.ts";

/** A module with one SIMD instruction: valid only on hosts with SIMD. */
const probe = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98,
  11,
]);

/**
 * The kernels for hosts that can compile at run time. This module contains their bytes, with SIMD and without.
 * @param packaging Default: `simd` if the host has SIMD, otherwise `plain`.
 */
export function inlineKernels(
  packaging: "simd" | "plain" = WebAssembly.validate(probe) ? "simd" : "plain",
): Kernels {
  if (packaging === "plain") return plainKernels();
  return { ...precompiledKernels(new WebAssembly.Module(bytesOfDigits(simd))), packaging };
}
