// The EC id: 64 lowercase hex digits (the EC hash), a dot, 6 alphanumerics.

import { hmac } from "./hmac";

/** Characters of an EC id. */
export const ID_BYTES: u32 = 71;
const HASH_BYTES: u32 = 64;
const DOT: u8 = 0x2e;

const ALPHANUMERIC = memory.data<u8>([
  0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46,
  0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56,
  0x57, 0x58, 0x59, 0x5a, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c,
  0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
]);

// @ts-ignore: decorator
@inline
function isDigit(c: u32): bool {
  return c - 0x30 < 10;
}

/** Whether the bytes are an EC id. */
export function validate(at: usize, length: u32): bool {
  if (length != ID_BYTES || load<u8>(at, 64) != DOT) return false;
  for (let i: u32 = 0; i < HASH_BYTES; i++) {
    const c: u32 = load<u8>(at + i);
    if (!isDigit(c) && c - 0x61 >= 6) return false;
  }
  for (let i = HASH_BYTES + 1; i < ID_BYTES; i++) {
    const c: u32 = load<u8>(at + i);
    if (!isDigit(c) && (c | 0x20) - 0x61 >= 26) return false;
  }
  return true;
}

/** Writes a chaining value as 64 lowercase hex digits. */
export function hex(chain: usize, out: usize): void {
  for (let i: usize = 0; i < 8; i++) {
    let x: u64 = bswap(load<u32>(chain + (i << 2)));
    x = (x | (x << 16)) & 0x0000ffff0000ffff;
    x = (x | (x << 8)) & 0x00ff00ff00ff00ff;
    x = ((x >> 4) | (x << 8)) & 0x0f0f0f0f0f0f0f0f;
    const letters = ((x + 0x0606060606060606) >> 4) & 0x0101010101010101;
    store<u64>(out + (i << 3), x + 0x3030303030303030 + letters * 39);
  }
}

/**
 * Writes the EC id of a normalised address. Each random byte below 248 gives one alphanumeric without bias, others are
 * passed over.
 * @returns how many of the random bytes were used, or -1: they ran out
 */
export function mint(slot: u32, at: usize, length: u32, random: usize, randomLength: u32, out: usize): i32 {
  let used: u32 = 0;
  for (let i = HASH_BYTES + 1; i < ID_BYTES; ) {
    if (used == randomLength) return -1;
    const byte: u32 = load<u8>(random + used++);
    if (byte < 248) store<u8>(out + i++, load<u8>(ALPHANUMERIC + (byte % 62)));
  }
  hex(hmac(slot, at, length), out);
  store<u8>(out, DOT, 64);
  return used;
}
