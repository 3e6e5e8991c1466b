// The EC id: 64 lowercase hex digits (the EC hash), a dot, 6 alphanumerics.

import { hmac } from "./hmac";

/** Characters of an EC id. */
export const ID_BYTES = 71;
const HASH_BYTES = 64;
const DOT: u8 = 0x2e;

const ALPHANUMERIC = memory.data<u8>([
  0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46,
  0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56,
  0x57, 0x58, 0x59, 0x5a, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c,
  0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
]);

// Eight bytes at a time: the high bit of each byte of the result is the answer for that byte, if no byte is above 0x7f.
const EACH: u64 = 0x0101010101010101;
const HIGH: u64 = EACH * 0x80;

/** Sets the high bits of the bytes from `low` to `high`. */
// @ts-ignore: decorator
@inline
function within(bytes: u64, low: u64, high: u64): u64 {
  return (bytes + EACH * (0x80 - low)) & (EACH * (0x80 + high) - bytes);
}

/** Sets the high bits of the bytes that are not lowercase hex digits. */
// @ts-ignore: decorator
@inline
function notHex(bytes: u64): u64 {
  return bytes | ~(within(bytes, 0x30, 0x39) | within(bytes, 0x61, 0x66));
}

/** Sets the high bits of the bytes that are not ASCII letters or digits. */
// @ts-ignore: decorator
@inline
function notAlphanumeric(bytes: u64): u64 {
  return bytes | ~(within(bytes, 0x30, 0x39) | within(bytes | (EACH * 0x20), 0x61, 0x7a));
}

/** Sixteen bytes at a time: sets all bits of the bytes from `low` to `low + count - 1`. */
// @ts-ignore: decorator
@inline
function lanesFrom(bytes: v128, low: i8, count: i8): v128 {
  return i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(low)), i8x16.splat(count));
}

/** Whether 64 bytes are lowercase hex digits. */
function isHash(at: usize): bool {
  if (ASC_FEATURE_SIMD) {
    let right = i8x16.splat(-1);
    for (let i = 0; i < HASH_BYTES; i += 16) {
      const bytes = v128.load(at + i);
      right = v128.and(right, v128.or(lanesFrom(bytes, 0x30, 10), lanesFrom(bytes, 0x61, 6)));
    }
    return i8x16.all_true(right);
  }
  let wrong: u64 = 0;
  for (let i = 0; i < HASH_BYTES; i += 8) wrong |= notHex(load<u64>(at + i));
  return (wrong & HIGH) == 0;
}

/** Whether bytes that begin at a multiple of 8 are an EC id. */
export function validate(at: usize, length: u32): bool {
  if (length != ID_BYTES || load<u8>(at, HASH_BYTES) != DOT) return false;
  // The last eight bytes: a digit of the hash and the dot, replaced by digits here, and the suffix.
  const end = (load<u64>(at, ID_BYTES - 8, 1) & ~0xffff) | 0x3030;
  return (notAlphanumeric(end) & HIGH) == 0 && isHash(at);
}

/** Writes a hash value as 64 lowercase hex digits. */
export function hex(chain: usize, out: usize): void {
  if (ASC_FEATURE_SIMD) {
    const digits = i8x16(48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 97, 98, 99, 100, 101, 102);
    for (let i = 0; i < 2; i++, chain += 16, out += 32) {
      const words = v128.load(chain);
      const bytes = v128.shuffle<u8>(words, words, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
      const high = v128.swizzle(digits, v128.shr<u8>(bytes, 4));
      const low = v128.swizzle(digits, v128.and(bytes, i8x16.splat(15)));
      v128.store(out, v128.shuffle<u8>(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
      v128.store(out, v128.shuffle<u8>(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), 16);
    }
    return;
  }
  for (let i = 0; i < 8; i++, chain += 4, out += 8) {
    let x: u64 = bswap(load<u32>(chain));
    x = (x | (x << 16)) & 0x0000ffff0000ffff;
    x = (x | (x << 8)) & 0x00ff00ff00ff00ff;
    x = ((x >> 4) | (x << 8)) & 0x0f0f0f0f0f0f0f0f;
    const letters = ((x + EACH * 6) >> 4) & EACH;
    store<u64>(out, x + EACH * 0x30 + letters * 39);
  }
}

/**
 * Writes the EC id of a normalised address. Each random byte below 248 gives one alphanumeric character without bias; others
 * are skipped.
 * @returns number of random bytes used, or -1 if there were too few
 */
export function mint(slot: u32, at: usize, length: u32, random: usize, randomLength: u32, out: usize): i32 {
  let used: u32 = 0;
  for (let i = HASH_BYTES + 1; i < ID_BYTES; ) {
    if (used == randomLength) return -1;
    const byte: u32 = load<u8>(random + used++);
    if (byte < 248) store<u8>(out + i++, load<u8>(ALPHANUMERIC + (byte % 62)));
  }
  hex(hmac(slot, at, length), out);
  store<u8>(out, DOT, HASH_BYTES);
  return used;
}
