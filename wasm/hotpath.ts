/**
 * The hot path: what every request computes rather than decides. Validates and mints EC ids, hashes, and counts takes
 * in throttle windows. The one file that touches the kernels' linear memory.
 * @module
 */

/** What the kernels export, whatever they are packaged as. */
export interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  input(): number;
  inputBytes(): number;
  output(): number;
  random(): number;
  randomBytes(): number;
  refilled(): void;
  stream(): number;
  streamBytes(): number;
  mostKeys(): number;
  start(keys: number): number;
  seed(): void;
  validate(length: number): number;
  setKey(slot: number, length: number): void;
  mint(slot: number, length: number): number;
  hashHex(slot: number, length: number): void;
  hmac(slot: number, length: number): void;
  sha256(length: number): void;
  beginSha256(): void;
  beginHmac(slot: number): void;
  update(length: number): void;
  finishSha256(): void;
  finishHmac(slot: number): void;
  equal(length: number): number;
  hash64(length: number): void;
  take(length: number, nowMs: number, windowMs: number, limit: number): number;
  peek(length: number, nowMs: number, windowMs: number, limit: number): number;
  count(length: number, nowMs: number, windowMs: number): number;
  forget(length: number): void;
  keys(): number;
  refusedFull(): number;
}

/** One packaging of the kernels; see `inline.ts`, `precompiled.ts` and `portable.ts`. */
export interface Kernels {
  readonly packaging: "simd" | "plain" | "precompiled" | "portable";
  /** Makes a fresh instance with a memory of its own. */
  instantiate(): Exports;
}

export interface HotPathOptions {
  /** How many keys the window table can hold at once, 1 to 3,700,000; one million (the default) takes 48 MiB. */
  maxKeys?: number;
  /** Seeds the hash of window keys and supplies what `mint` draws from. Not called before it is needed. */
  random: { fill(target: Uint8Array<ArrayBuffer>): void };
}

/** The answer to one `take` or `peek`. */
export interface WindowTake {
  admitted: boolean;
  /** How many more takes would be admitted now. */
  remaining: number;
  /** 0 if admitted; else milliseconds until the same take would be, or until a full table may have room. */
  retryAfterMs: number;
}

/** A SHA-256 digest of a message that comes in pieces. */
export interface Sha256 {
  update(data: Uint8Array): void;
  /** The 32 bytes. Ends the message: the hasher is then as good as new. */
  digest(): Uint8Array<ArrayBuffer>;
}

export interface HotPath {
  /** Whether a text is an EC id: 64 lowercase hex digits, a dot, 6 ASCII letters or digits, and nothing else. */
  validate(id: string): boolean;
  /**
   * Puts an HMAC key into a slot for `mint`, `hashHex` and `hmac`, replacing what it held.
   * @param slot 0 to 15
   * @throws {RangeError} there is no such slot
   */
  setKey(slot: number, key: Uint8Array): void;
  /**
   * A new EC id for an address: the EC hash, a dot, 6 random alphanumerics without modulo bias.
   * @param normalisedIp the address as the EC specification normalises it
   * @throws {RangeError} the slot holds no key, or the text is longer than any address
   */
  mint(slot: number, normalisedIp: string): string;
  /**
   * The EC hash of an address: HMAC-SHA-256 as 64 lowercase hex digits.
   * @throws {RangeError} the slot holds no key, or the text is longer than any address
   */
  hashHex(slot: number, normalisedIp: string): string;
  /** SHA-256 (FIPS 180-4): 32 bytes. */
  sha256(data: Uint8Array): Uint8Array<ArrayBuffer>;
  /**
   * HMAC-SHA-256 (RFC 2104): 32 bytes.
   * @throws {RangeError} the slot holds no key
   */
  hmac(slot: number, message: Uint8Array): Uint8Array<ArrayBuffer>;
  /** SHA-256 in pieces; any number of hashers may be under way at once. */
  createSha256(): Sha256;
  /** Whether two byte strings are equal, in a time that depends on their lengths only. */
  equal(a: Uint8Array, b: Uint8Array): boolean;
  /** A 64-bit hash of a text (SipHash-1-3 of its UTF-8) that differs from instance to instance. */
  hash64(text: string): bigint;
  /**
   * Counts one take of a key if its window has room: in no interval of `windowMs` are more than `limit` takes admitted.
   * Exact in both directions for limits up to 64; above, it may refuse up to a sixteenth of the window early. A key's
   * clock never goes back: at an earlier `nowMs` than its newest take, the take counts as made at that one. Where `nowMs`
   * steps back by more than an hour, the time before the step was wrong: takes of a time still to come then count as made now.
   * @param key any text; lone surrogates count as U+FFFD
   * @param nowMs milliseconds since the epoch, from 0 to the year 2109; fractions are dropped
   * @param windowMs more than 0 and at most 24 days; fractions are rounded up
   * @param limit takes per window; below 1 every take is refused, and `retryAfterMs` is the window's length
   * @throws {RangeError} a number is not one, or out of range
   */
  take(key: string, nowMs: number, windowMs: number, limit: number): WindowTake;
  /** What `take` would answer, without counting: `remaining` is how many takes would be admitted now. */
  peek(key: string, nowMs: number, windowMs: number, limit: number): WindowTake;
  /**
   * How many takes of a key are in its window. Tells a key that is at its limit from one for which there is no room.
   * @throws {RangeError} a number is not one, or out of range
   */
  count(key: string, nowMs: number, windowMs: number): number;
  /** Empties a key's window, as if nothing had been taken. */
  forget(key: string): void;
  /**
   * `keys`: held now, expired ones that nobody needed the room of included. `refusedFull`: takes refused so far because
   * there was no room to count them. `bytes`: memory, which never grows.
   */
  stats(): { keys: number; maxKeys: number; refusedFull: number; bytes: number };
}

/**
 * How far the clock may step back before it counts as wrong until then, in milliseconds; see `wasm/assembly/window.ts`. Up
 * to here a key waits until the clock has caught up. Beyond, its takes move back in time, for it would be shut for as long as
 * the clock was ahead: the newest counts as made now, and the others keep their distance to it.
 */
export const STEP_BACK_MS = 3_600_000;

/**
 * The time for windows, in whole milliseconds: the host's monotonic clock where it has one, so that no correction of its
 * time opens or shuts a window. Elsewhere the time as it is, with whose steps the windows themselves deal.
 */
export function windowTime(clock: { now(): number; monotonic?(): number }): () => number {
  const { monotonic } = clock;
  if (monotonic === undefined) return () => clock.now();
  const beganMs = clock.now() - monotonic();
  return () => Math.floor(beganMs + monotonic());
}

const SLOTS = 16;
const DIGEST = 32;
const HASH = 64;
const ID = 71;
/** Texts up to this length are quicker to copy unit by unit than to encode. */
const SHORT = 128;

/**
 * Makes a hot path with a memory of its own. Synchronous; takes nothing from the host but the kernels and randomness.
 * @throws {RangeError} `maxKeys` is out of range, or there is not so much memory
 */
export function createHotPath(kernels: Kernels, options: HotPathOptions): HotPath {
  const wasm = kernels.instantiate();
  const maxKeys = options.maxKeys ?? 1_000_000;
  const mostKeys = wasm.mostKeys();
  if (!Number.isInteger(maxKeys) || maxKeys < 1 || maxKeys > mostKeys) {
    throw new RangeError(`maxKeys must be a whole number from 1 to ${mostKeys}, not ${maxKeys}`);
  }
  if (!wasm.start(maxKeys)) {
    throw new RangeError(
      `there is not enough memory for windows of ${maxKeys} keys; configure a smaller maxKeys`,
    );
  }

  // Memory has grown for the last time: views made now stay good.
  const view = (at: number, bytes: number) => new Uint8Array(wasm.memory.buffer, at, bytes);
  const inputBytes = wasm.inputBytes();
  const input = view(wasm.input(), inputBytes);
  const output = view(wasm.output(), ID);
  const hash = new BigUint64Array(wasm.memory.buffer, wasm.output(), 1);
  const random = view(wasm.random(), wasm.randomBytes());
  const stream = view(wasm.stream(), wasm.streamBytes());
  const keyed = new Array<boolean>(SLOTS).fill(false);
  let seeded = false;

  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const hex = output.subarray(0, HASH);
  const id = output.subarray(0, ID);
  const digest = () => output.slice(0, DIGEST);

  function needKey(slot: number): void {
    if (!keyed[slot])
      throw new RangeError(`HMAC key slot ${slot} holds no key; call setKey for one of 0 to 15 first`);
  }

  /** Copies a text to the input as UTF-8; -1: it does not fit. */
  function write(text: string): number {
    const length = text.length;
    if (length > SHORT) return encode(text);
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) return encode(text);
      input[i] = unit;
    }
    return length;
  }

  function encode(text: string): number {
    const { read, written } = encoder.encodeInto(text, input);
    return read === text.length ? written : -1;
  }

  function feed(data: Uint8Array): void {
    for (let at = 0; at < data.length; at += inputBytes) {
      const piece = data.subarray(at, at + inputBytes);
      input.set(piece);
      wasm.update(piece.length);
    }
  }

  function sha256(data: Uint8Array): Uint8Array<ArrayBuffer> {
    if (data.length <= inputBytes) {
      input.set(data);
      wasm.sha256(data.length);
    } else {
      wasm.beginSha256();
      feed(data);
      wasm.finishSha256();
    }
    return digest();
  }

  function hmac(slot: number, message: Uint8Array): Uint8Array<ArrayBuffer> {
    needKey(slot);
    if (message.length <= inputBytes) {
      input.set(message);
      wasm.hmac(slot, message.length);
    } else {
      wasm.beginHmac(slot);
      feed(message);
      wasm.finishHmac(slot);
    }
    return digest();
  }

  /** Copies a normalised address to the input. */
  function writeAddress(text: string): number {
    const length = write(text);
    if (length < 0) throw new RangeError(`a normalised IP address is not ${text.length} characters long`);
    return length;
  }

  /**
   * Copies a window's key to the input. One that does not fit is known by its digest behind a byte that no UTF-8 has,
   * so that it cannot be taken for another.
   */
  function writeKey(key: string): number {
    if (!seeded) {
      options.random.fill(input.subarray(0, 16));
      wasm.seed();
      seeded = true;
    }
    const length = write(key);
    if (length >= 0) return length;
    const short = sha256(encoder.encode(key));
    input[0] = 0xff;
    input.set(short, 1);
    return 1 + DIGEST;
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
    validate(text) {
      // As many bytes as characters: it is ASCII.
      return text.length === ID && encoder.encodeInto(text, input).written === ID && wasm.validate(ID) === 1;
    },

    setKey(slot, key) {
      if (keyed[slot] === undefined)
        throw new RangeError(`there is no HMAC key slot ${slot}; there are 0 to 15`);
      const short = key.length > inputBytes ? sha256(key) : key;
      input.set(short);
      wasm.setKey(slot, short.length);
      input.fill(0, 0, Math.max(short.length, HASH));
      keyed[slot] = true;
    },

    mint(slot, normalisedIp) {
      needKey(slot);
      const length = writeAddress(normalisedIp);
      if (!wasm.mint(slot, length)) {
        options.random.fill(random);
        wasm.refilled();
        if (!wasm.mint(slot, length)) throw new Error("the random source gives bytes that are not random");
      }
      return decoder.decode(id);
    },

    hashHex(slot, normalisedIp) {
      needKey(slot);
      wasm.hashHex(slot, writeAddress(normalisedIp));
      return decoder.decode(hex);
    },

    sha256,
    hmac,

    createSha256() {
      wasm.beginSha256();
      const fresh = stream.slice();
      const state = stream.slice();
      return {
        update(data) {
          stream.set(state);
          feed(data);
          state.set(stream);
        },
        digest() {
          stream.set(state);
          wasm.finishSha256();
          state.set(fresh);
          return digest();
        },
      };
    },

    equal(a, b) {
      if (a.length !== b.length) return false;
      const half = inputBytes / 2;
      let equal = 1;
      for (let at = 0; at < a.length; at += half) {
        const piece = a.subarray(at, at + half);
        input.set(piece);
        input.set(b.subarray(at, at + half), half);
        equal &= wasm.equal(piece.length);
      }
      return equal === 1;
    },

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
