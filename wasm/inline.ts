import { plain } from "./built/plain.ts";
import { simd } from "./built/simd.ts";
import type { Kernels } from "./hotpath.ts";
import { precompiledKernels } from "./precompiled.ts";

/** A module with one function that uses one SIMD instruction: valid only where there is SIMD. */
const probe = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98,
  11,
]);

/** The bytes of a base64 text. In a process that has just started, `Uint8Array.from` takes five times as long as a loop. */
function decode(text: string): Uint8Array<ArrayBuffer> {
  if (fromBase64 !== undefined) return fromBase64(text);
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** Not in every host, and not in TypeScript's library for ours. */
const { fromBase64 } = Uint8Array as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };

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
