import { instantiate } from "./built/portable.js";
import type { Kernels } from "./kernels.ts";

/** The kernels as JavaScript, for hosts without `WebAssembly` (Fastly Compute's JavaScript). */
export function portableKernels(): Kernels {
  return { packaging: "portable", instantiate };
}
