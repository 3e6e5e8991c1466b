import { plain } from "./built/plain.ts";
import { simd } from "./built/simd.ts";
import type { Kernels } from "./hotpath.ts";
import { precompiledKernels } from "./precompiled.ts";

/** A module with one function that uses one SIMD instruction: valid only where there is SIMD. */
const probe = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98,
  11,
]);

/** The bytes of a base64 text. */
function decode(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/**
 * The kernels for hosts that may compile at run time; their bytes are in this module.
 * @param packaging which build; by default the one with SIMD where the host has SIMD
 */
export function inlineKernels(
  packaging: "simd" | "plain" = WebAssembly.validate(probe) ? "simd" : "plain",
): Kernels {
  const module = new WebAssembly.Module(decode(packaging === "simd" ? simd : plain));
  return { ...precompiledKernels(module), packaging };
}
