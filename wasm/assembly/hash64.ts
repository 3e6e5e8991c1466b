// SipHash-1-3 (Aumasson and Bernstein): a keyed 64-bit hash. Without the seed, collisions cannot be constructed.

let k0: u64 = 0;
let k1: u64 = 0;

/** Sets the seed to 16 random bytes. */
export function seed(at: usize): void {
  k0 = load<u64>(at);
  k1 = load<u64>(at, 8);
}

/** The hash of a message that begins at a multiple of 8. */
export function hash64(at: usize, length: u32): u64 {
  let v0 = k0 ^ 0x736f6d6570736575;
  let v1 = k1 ^ 0x646f72616e646f6d;
  let v2 = k0 ^ 0x6c7967656e657261;
  let v3 = k1 ^ 0x7465646279746573;
  // The last word has the last bytes of the message, and the length in its highest byte.
  const last = at + (length & ~7);
  const rest = (load<u64>(last) & ((u64(1) << ((length & 7) << 3)) - 1)) | (u64(length) << 56);
  for (; at <= last; at += 8) {
    const word = at < last ? load<u64>(at) : rest;
    v3 ^= word;
    v0 += v1;
    v2 += v3;
    v1 = rotl(v1, 13) ^ v0;
    v3 = rotl(v3, 16) ^ v2;
    v0 = rotl(v0, 32) + v3;
    v2 += v1;
    v3 = rotl(v3, 21) ^ v0;
    v1 = rotl(v1, 17) ^ v2;
    v2 = rotl(v2, 32);
    v0 ^= word;
  }
  v2 ^= 0xff;
  for (let i = 0; i < 3; i++) {
    v0 += v1;
    v2 += v3;
    v1 = rotl(v1, 13) ^ v0;
    v3 = rotl(v3, 16) ^ v2;
    v0 = rotl(v0, 32) + v3;
    v2 += v1;
    v3 = rotl(v3, 21) ^ v0;
    v1 = rotl(v1, 17) ^ v2;
    v2 = rotl(v2, 32);
  }
  return v0 ^ v1 ^ v2 ^ v3;
}
