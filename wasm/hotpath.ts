/**
 * The hot path: the computations of every request. Validates and mints EC ids, hashes, and counts takes in throttle windows.
 * The only file that touches the linear memory of the kernels.
 * @module
 */

/** The exports of the kernels, in every packaging. */
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
  /** Creates an instance with its own memory. */
  instantiate(): Exports;
}

export interface HotPathOptions {
  /** Maximum number of keys in the window table, 1 to 3,700,000. Default: 1,000,000, which takes 48 MiB. */
  maxKeys?: number;
  /** Random bytes, for the seed of the window keys' hash and for `mint`. First called when they are needed. */
  random: { fill(target: Uint8Array<ArrayBuffer>): void };
}

/** The answer to one `take` or `peek`. */
export interface WindowTake {
  admitted: boolean;
  /** Number of further takes that would be admitted now. */
  remaining: number;
  /** 0 if admitted; otherwise milliseconds until the same take would be admitted, or until a full table may have room. */
  retryAfterMs: number;
}

/** SHA-256 of a message in pieces. */
export interface Sha256 {
  update(data: Uint8Array): void;
  /** Returns the 32 bytes and resets the hasher. */
  digest(): Uint8Array<ArrayBuffer>;
}

export interface HotPath {
  /** Whether a text is an EC id: 64 lowercase hex digits, a dot, 6 ASCII letters or digits, and nothing else. */
  validate(id: string): boolean;
  /**
   * Puts an HMAC key into a slot for `mint`, `hashHex` and `hmac`. Replaces the key in it.
   * @param slot 0 to 15
   * @throws {RangeError} if there is no such slot
   */
  setKey(slot: number, key: Uint8Array): void;
  /**
   * A new EC id for an address: the EC hash, a dot, 6 random alphanumerics without modulo bias.
   * @param normalisedIp the address in the normal form of the EC specification
   * @throws {RangeError} if the slot holds no key or the text is longer than any address
   */
  mint(slot: number, normalisedIp: string): string;
  /**
   * The EC hash of an address: HMAC-SHA-256 as 64 lowercase hex digits.
   * @throws {RangeError} if the slot holds no key or the text is longer than any address
   */
  hashHex(slot: number, normalisedIp: string): string;
  /** SHA-256 (FIPS 180-4): 32 bytes. */
  sha256(data: Uint8Array): Uint8Array<ArrayBuffer>;
  /**
   * HMAC-SHA-256 (RFC 2104): 32 bytes.
   * @throws {RangeError} if the slot holds no key
   */
  hmac(slot: number, message: Uint8Array): Uint8Array<ArrayBuffer>;
  /** Starts a SHA-256 in pieces. Any number of hashers may be used at the same time. */
  createSha256(): Sha256;
  /** Whether two byte strings are equal, in a time that depends only on their lengths. */
  equal(a: Uint8Array, b: Uint8Array): boolean;
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

const SLOTS = 16;
const DIGEST = 32;
const HASH = 64;
const ID = 71;
/** Up to this length, copying a text unit by unit is faster than encoding it. */
const SHORT = 128;

/**
 * Creates a hot path with its own memory. Synchronous; needs only the kernels and random bytes.
 * @throws {RangeError} if `maxKeys` is out of range, or if there is not enough memory
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

  // Memory does not grow any more: views stay valid.
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

  /** Copies a text to the input as UTF-8. @returns its length in bytes; -1 if it does not fit */
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
   * Copies the key of a window to the input. A key that does not fit is replaced by its digest after a byte that UTF-8 does not
   * have, so that it differs from every other key.
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
      // A text with as many bytes as characters is ASCII.
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
