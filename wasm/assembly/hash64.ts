// SipHash-1-3 (Aumasson and Bernstein): a keyed 64-bit hash. Who does not know the seed cannot aim at collisions.

let k0: u64 = 0;
let k1: u64 = 0;

/** Takes 16 random bytes as the seed. */
export function seed(at: usize): void {
  k0 = load<u64>(at);
  k1 = load<u64>(at, 8);
}

/** The last `length` (0 to 7) bytes as the low bytes of a word. */
function tail(at: usize, length: u32): u64 {
  let word: u64 = 0;
  for (let i: u32 = 0; i < length; i++) word |= u64(load<u8>(at + i)) << (i << 3);
  return word;
}

export function hash64(at: usize, length: u32): u64 {
  let v0 = k0 ^ 0x736f6d6570736575;
  let v1 = k1 ^ 0x646f72616e646f6d;
  let v2 = k0 ^ 0x6c7967656e657261;
  let v3 = k1 ^ 0x7465646279746573;
  const words = length >> 3;
  // Word by word, then the rest with the length on top, then three rounds to finish.
  for (let i: u32 = 0; i < words + 4; i++) {
    let m: u64 = 0;
    if (i < words) m = load<u64>(at + (i << 3));
    else if (i == words) m = tail(at + (words << 3), length & 7) | (u64(length) << 56);
    else if (i == words + 1) v2 ^= 0xff;
    v3 ^= m;
    v0 += v1;
    v1 = rotl(v1, 13) ^ v0;
    v0 = rotl(v0, 32);
    v2 += v3;
    v3 = rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = rotl(v1, 17) ^ v2;
    v2 = rotl(v2, 32);
    v0 ^= m;
  }
  return v0 ^ v1 ^ v2 ^ v3;
}
