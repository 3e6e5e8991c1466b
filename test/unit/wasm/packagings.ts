import { createHotPath, type HotPath, type Kernels } from "../../../wasm/hotpath.ts";
import { inlineKernels } from "../../../wasm/inline.ts";
import { portableKernels } from "../../../wasm/portable.ts";

/** The three packagings of the same kernels; every property of the hot path is proven for each. */
export const packagings: Kernels[] = [inlineKernels("plain"), inlineKernels("simd"), portableKernels()];

/** Randomness that is the same in every run: a counter put through a multiplicative hash. */
export function repeatable(seed = 1): { fill(target: Uint8Array): void; calls: number } {
  let state = seed;
  return {
    calls: 0,
    fill(target) {
      this.calls++;
      for (let i = 0; i < target.length; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        target[i] = state >>> 24;
      }
    },
  };
}

/** A small hot path for tests. */
export function hotPathOf(kernels: Kernels, maxKeys = 100): HotPath {
  return createHotPath(kernels, { maxKeys, random: repeatable() });
}
