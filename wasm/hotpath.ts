/**
 * The hot path: the computations of every request. Validates and mints EC ids, hashes, and counts takes in throttle windows.
 * Opens the memory of the kernels; `identity.ts`, `digest.ts` and `window.ts` bind one kernel each.
 * @module
 */
import { createDigest, type Digest, KeySlots } from "./digest.ts";
import { createIdentity, type Identity } from "./identity.ts";
import type { Kernels } from "./kernels.ts";
import { KernelMemory } from "./memory.ts";
import { createWindow, type Window } from "./window.ts";

export type { Sha256 } from "./digest.ts";
export type { Exports, Kernels } from "./kernels.ts";
export { STEP_BACK_MS, type WindowTake, windowTime } from "./window.ts";

export interface HotPathOptions {
  /** Maximum number of keys in the window table, 1 to 3,700,000. Default: 1,000,000, which takes 48 MiB. */
  maxKeys?: number;
  /** Random bytes, for the seed of the window keys' hash and for `mint`. First called when they are needed. */
  random: { fill(target: Uint8Array<ArrayBuffer>): void };
}

/** All functions of the hot path, on one memory. */
export interface HotPath extends Identity, Digest, Window {}

/** Default of {@link HotPathOptions.maxKeys}. */
const MAX_KEYS = 1_000_000;

/**
 * Creates a hot path with its own memory. Synchronous; needs only the kernels and random bytes.
 * @throws {RangeError} if `maxKeys` is out of range, or if there is not enough memory
 */
export function createHotPath(kernels: Kernels, options: HotPathOptions): HotPath {
  const wasm = kernels.instantiate();
  const maxKeys = options.maxKeys ?? MAX_KEYS;
  const mostKeys = wasm.mostKeys();
  if (!Number.isInteger(maxKeys) || maxKeys < 1 || maxKeys > mostKeys) {
    throw new RangeError(`maxKeys must be a whole number from 1 to ${mostKeys}, not ${maxKeys}`);
  }
  if (!wasm.start(maxKeys)) {
    throw new RangeError(
      `there is not enough memory for windows of ${maxKeys} keys; configure a smaller maxKeys`,
    );
  }

  const memory = new KernelMemory(wasm);
  const slots = new KeySlots();
  const fill = (target: Uint8Array<ArrayBuffer>) => options.random.fill(target);
  const digest = createDigest(memory, slots);
  return {
    ...createIdentity(memory, slots, fill),
    ...digest,
    ...createWindow(memory, digest, maxKeys, fill),
  };
}
