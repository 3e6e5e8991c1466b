import type { Exports, Kernels } from "./kernels.ts";

/**
 * The kernels for hosts that compile a module at deployment and not at run time (Cloudflare Workers).
 * @param module `wasm/built/simd.wasm` or `wasm/built/plain.wasm`, as the host imports it
 */
export function precompiledKernels(module: WebAssembly.Module): Kernels {
  return {
    packaging: "precompiled",
    instantiate: () => new WebAssembly.Instance(module).exports as unknown as Exports,
  };
}
