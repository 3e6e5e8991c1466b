import { plain } from "./built/plain.ts";
import { bytesOfDigits } from "./hex-digits.ts";
import type { Kernels } from "./kernels.ts";
import { precompiledKernels } from "./precompiled.ts";

/**
 * The kernels without SIMD, for hosts that compile at run time and compute few hashes. This module contains their bytes and no
 * others.
 */
export function plainKernels(): Kernels {
  return { ...precompiledKernels(new WebAssembly.Module(bytesOfDigits(plain))), packaging: "plain" };
}
