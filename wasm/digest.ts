import { DIGEST_BYTES, type KernelMemory } from "./memory.ts";

/** SHA-256 of a message in pieces. */
export interface Sha256 {
  update(data: Uint8Array): void;
  /** Returns the 32 bytes and resets the hasher. */
  digest(): Uint8Array<ArrayBuffer>;
}

/** SHA-256 and HMAC-SHA-256. */
export interface Digest {
  /**
   * Puts an HMAC key into a slot for `mint`, `hashHex` and `hmac`. Replaces the key in it.
   * @param slot 0 to 15
   * @throws {RangeError} if there is no such slot
   */
  setKey(slot: number, key: Uint8Array): void;
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
}

const SLOTS = 16;
/** Bytes of a block of SHA-256. */
const BLOCK_BYTES = 64;

/** Which slots hold a key. */
export class KeySlots {
  readonly #filled = new Array<boolean>(SLOTS).fill(false);

  /** @throws {RangeError} if there is no such slot */
  mustExist(slot: number): void {
    if (this.#filled[slot] === undefined)
      throw new RangeError(`there is no HMAC key slot ${slot}; there are 0 to 15`);
  }

  /** @throws {RangeError} if the slot holds no key */
  mustHoldKey(slot: number): void {
    if (!this.#filled[slot])
      throw new RangeError(`HMAC key slot ${slot} holds no key; call setKey for one of 0 to 15 first`);
  }

  fill(slot: number): void {
    this.#filled[slot] = true;
  }
}

/** Binds the digest kernels. */
export function createDigest(memory: KernelMemory, slots: KeySlots): Digest {
  const { wasm, inputBytes } = memory;
  const stream = memory.view(wasm.stream(), wasm.streamBytes());
  const output = memory.output(DIGEST_BYTES);
  const digest = () => output.slice();

  function feed(data: Uint8Array): void {
    for (let at = 0; at < data.length; at += inputBytes) {
      const piece = data.subarray(at, at + inputBytes);
      memory.input.set(piece);
      wasm.update(piece.length);
    }
  }

  function sha256(data: Uint8Array): Uint8Array<ArrayBuffer> {
    if (data.length <= inputBytes) {
      memory.input.set(data);
      wasm.sha256(data.length);
    } else {
      wasm.beginSha256();
      feed(data);
      wasm.finishSha256();
    }
    return digest();
  }

  return {
    setKey(slot, key) {
      slots.mustExist(slot);
      const short = key.length > inputBytes ? sha256(key) : key;
      memory.input.set(short);
      wasm.setKey(slot, short.length);
      memory.input.fill(0, 0, Math.max(short.length, BLOCK_BYTES));
      slots.fill(slot);
    },

    sha256,

    hmac(slot, message) {
      slots.mustHoldKey(slot);
      if (message.length <= inputBytes) {
        memory.input.set(message);
        wasm.hmac(slot, message.length);
      } else {
        wasm.beginHmac(slot);
        feed(message);
        wasm.finishHmac(slot);
      }
      return digest();
    },

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
        memory.input.set(piece);
        memory.input.set(b.subarray(at, at + half), half);
        equal &= wasm.equal(piece.length);
      }
      return equal === 1;
    },
  };
}
