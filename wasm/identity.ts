import type { KeySlots } from "./digest.ts";
import type { KernelMemory } from "./memory.ts";

/** EC ids: 64 lowercase hex digits (the EC hash), a dot, 6 ASCII letters or digits. */
export interface Identity {
  /** Whether a text is an EC id: 64 lowercase hex digits, a dot, 6 ASCII letters or digits, and nothing else. */
  validate(id: string): boolean;
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
}

const ID_BYTES = 71;
const HASH_BYTES = 64;

/** Binds the identity kernels. @param fill fills an array with random bytes; called when `mint` needs more. */
export function createIdentity(
  memory: KernelMemory,
  slots: KeySlots,
  fill: (target: Uint8Array<ArrayBuffer>) => void,
): Identity {
  const { wasm } = memory;
  const random = memory.view(wasm.random(), wasm.randomBytes());
  const id = memory.output(ID_BYTES);
  const hex = id.subarray(0, HASH_BYTES);
  const decoder = new TextDecoder();

  /** Copies a normalised address to the input. */
  function writeAddress(text: string): number {
    const length = memory.write(text);
    if (length < 0) throw new RangeError(`a normalised IP address is not ${text.length} characters long`);
    return length;
  }

  return {
    validate(text) {
      // A text with as many bytes as characters is ASCII.
      const isAscii = text.length === ID_BYTES && memory.write(text) === ID_BYTES;
      return isAscii && wasm.validate(ID_BYTES) === 1;
    },

    mint(slot, normalisedIp) {
      slots.mustHoldKey(slot);
      const length = writeAddress(normalisedIp);
      if (!wasm.mint(slot, length)) {
        fill(random);
        wasm.refilled();
        if (!wasm.mint(slot, length)) throw new Error("the random source gives bytes that are not random");
      }
      return decoder.decode(id);
    },

    hashHex(slot, normalisedIp) {
      slots.mustHoldKey(slot);
      wasm.hashHex(slot, writeAddress(normalisedIp));
      return decoder.decode(hex);
    },
  };
}
