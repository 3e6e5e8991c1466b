import { webcrypto } from "node:crypto";
import { localLimiter } from "../../../../runtime/limiters/local.ts";
import type { RateLimiter } from "../../../../runtime/platform.ts";
import { createHotPath } from "../../../../wasm/hotpath.ts";
import { inlineKernels } from "../../../../wasm/inline.ts";

const kernels = inlineKernels();

/** The limiter that serves in production: the hot path's exact windows. */
export function hotPathLimiter(now: () => number, maxKeys = 64): RateLimiter {
  const random = { fill: (target: Uint8Array<ArrayBuffer>) => void webcrypto.getRandomValues(target) };
  return localLimiter(createHotPath(kernels, { maxKeys, random }), { now });
}
