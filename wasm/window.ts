import type { Digest } from "./digest.ts";
import { DIGEST_BYTES, type KernelMemory } from "./memory.ts";

/** The answer to one `take` or `peek`. */
export interface WindowTake {
  admitted: boolean;
  /** Number of further takes that would be admitted now. */
  remaining: number;
  /** 0 if admitted; otherwise milliseconds until the same take would be admitted, or until a full table may have room. */
  retryAfterMs: number;
}

/** Throttle windows, and the hash of their keys. */
export interface Window {
  /** A 64-bit hash of a text (SipHash-1-3 of its UTF-8) with a random key of this instance. */
  hash64(text: string): bigint;
  /**
   * Counts one take of a key if its window has room: no interval of `windowMs` contains more than `limit` admitted takes. Exact
   * in both directions for limits up to 64; above, it may refuse for up to a sixteenth of the window too long. The clock of a
   * key never goes back: a take before its newest take counts as made at the same time. If `nowMs` steps back by more than an
   * hour, the time before the step counts as wrong: takes in the future then count as made now.
   * @param key any text; lone surrogates count as U+FFFD
   * @param nowMs milliseconds since the epoch, from 0 to the year 2109; rounded down
   * @param windowMs more than 0 and at most 24 days; rounded up
   * @param limit takes per window; below 1 every take is refused, and `retryAfterMs` is the length of the window
   * @throws {RangeError} if a number is NaN or out of range
   */
  take(key: string, nowMs: number, windowMs: number, limit: number): WindowTake;
  /** Returns what `take` would return, without counting. `remaining` is the number of takes that would be admitted now. */
  peek(key: string, nowMs: number, windowMs: number, limit: number): WindowTake;
  /**
   * Number of takes in the window of a key. Distinguishes a key at its limit from a key without room in the table.
   * @throws {RangeError} if a number is NaN or out of range
   */
  count(key: string, nowMs: number, windowMs: number): number;
  /** Empties the window of a key. */
  forget(key: string): void;
  /**
   * `keys`: number of keys, including expired ones whose entries are not reused yet. `refusedFull`: takes refused for lack of
   * room. `bytes`: memory, which never grows.
   */
  stats(): { keys: number; maxKeys: number; refusedFull: number; bytes: number };
}

/**
 * Largest step back of the clock that only delays keys, in milliseconds; see `wasm/assembly/window.ts`. After a larger step the
 * time before it counts as wrong, or a key would refuse takes for as long as the clock was ahead: its takes move back in time,
 * the newest to now, and the others keep their distance to it.
 */
export const STEP_BACK_MS = 3_600_000;

/**
 * The time for windows, in whole milliseconds: by the monotonic clock of the host if it has one, so that a correction of the wall
 * clock affects no window. Otherwise by the wall clock, whose steps the windows handle themselves.
 */
export function windowTime(clock: { now(): number; monotonic?(): number }): () => number {
  const { monotonic } = clock;
  if (monotonic === undefined) return () => clock.now();
  const beganMs = clock.now() - monotonic();
  return () => Math.floor(beganMs + monotonic());
}

/** Binds the window kernels. @param fill fills an array with random bytes; called once, by the first use of a key. */
export function createWindow(
  memory: KernelMemory,
  { sha256 }: Pick<Digest, "sha256">,
  maxKeys: number,
  fill: (target: Uint8Array<ArrayBuffer>) => void,
): Window {
  const { wasm, encoder } = memory;
  const hash = new BigUint64Array(wasm.memory.buffer, wasm.output(), 1);
  let isSeeded = false;

  /**
   * Copies the key of a window to the input. A key that does not fit is replaced by its digest after a byte that UTF-8 does not
   * have, so that it differs from every other key.
   */
  function writeKey(key: string): number {
    if (!isSeeded) {
      fill(memory.input.subarray(0, 16));
      wasm.seed();
      isSeeded = true;
    }
    const length = memory.write(key);
    if (length >= 0) return length;
    const short = sha256(encoder.encode(key));
    const { input } = memory;
    input[0] = 0xff;
    input.set(short, 1);
    return 1 + DIGEST_BYTES;
  }

  function answer(decided: number, nowMs: number, windowMs: number, limit: number): WindowTake {
    if (decided >= 0) return { admitted: true, remaining: decided, retryAfterMs: 0 };
    if (decided < 0) return { admitted: false, remaining: 0, retryAfterMs: -decided };
    throw new RangeError(
      `a take needs nowMs from 0 to the year 2109, windowMs above 0 and up to 24 days, and a limit that is a number, not ` +
        `nowMs ${nowMs}, windowMs ${windowMs}, limit ${limit}`,
    );
  }

  return {
    hash64(text) {
      wasm.hash64(writeKey(text));
      return hash[0]!;
    },

    take(key, nowMs, windowMs, limit) {
      return answer(wasm.take(writeKey(key), nowMs, windowMs, limit), nowMs, windowMs, limit);
    },

    peek(key, nowMs, windowMs, limit) {
      return answer(wasm.peek(writeKey(key), nowMs, windowMs, limit), nowMs, windowMs, limit);
    },

    count(key, nowMs, windowMs) {
      const counted = wasm.count(writeKey(key), nowMs, windowMs);
      if (counted >= 0) return counted;
      throw new RangeError(
        `a count needs nowMs from 0 to the year 2109 and windowMs above 0 and up to 24 days, not nowMs ${nowMs}, windowMs ${windowMs}`,
      );
    },

    forget(key) {
      wasm.forget(writeKey(key));
    },

    stats() {
      return {
        keys: wasm.keys(),
        maxKeys,
        refusedFull: wasm.refusedFull(),
        bytes: wasm.memory.buffer.byteLength,
      };
    },
  };
}
