import { createHotPath, type HotPath, type Kernels } from "../../../wasm/hotpath.ts";
import { inlineKernels } from "../../../wasm/inline.ts";
import { portableKernels } from "../../../wasm/portable.ts";

/** The three packagings of the same kernels. Every property of the hot path is tested for each. */
export const packagings: Kernels[] = [inlineKernels("plain"), inlineKernels("simd"), portableKernels()];

/** Random bytes that are the same in every run: a multiplicative hash of a counter. */
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
