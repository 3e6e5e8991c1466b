import { plain } from "./built/plain.ts";
import { simd } from "./built/simd.ts";
import type { Kernels } from "./kernels.ts";
import { precompiledKernels } from "./precompiled.ts";

/** A module with one SIMD instruction: valid only on hosts with SIMD. */
const probe = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98,
  11,
]);

/** The bytes of a base64 text. At the start of a process, `Uint8Array.from` takes five times as long as a loop. */
function decode(text: string): Uint8Array<ArrayBuffer> {
  if (fromBase64 !== undefined) return fromBase64(text);
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** Some hosts lack it, and so does TypeScript's library for this target. */
const { fromBase64 } = Uint8Array as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };

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
