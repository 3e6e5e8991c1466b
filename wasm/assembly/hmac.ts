// HMAC-SHA-256 (RFC 2104). A slot holds a key as two hash values: those after its block XOR ipad and XOR opad. So the MAC of a
// short message costs two compressions.

import { absorb, begin, CHAIN, compress, digest, emit, finish, reset } from "./sha256";

export const SLOTS: u32 = 16;

const KEYS = memory.data(1024, 8); // SLOTS x (inner, outer)
const PAD = memory.data(64, 8);
const CHAINED = memory.data(32, 8);
const INNER = memory.data(104, 8); // the inner digest and its padding
let filled: u32 = 0;

// @ts-ignore: decorator
@inline
function inner(slot: u32): usize {
  return KEYS + (slot << 6);
}

// @ts-ignore: decorator
@inline
function outer(slot: u32): usize {
  return inner(slot) + CHAIN;
}

function absorbPad(chain: usize, mask: u64): void {
  for (let i: usize = 0; i < 64; i += 8) store<u64>(PAD + i, load<u64>(PAD + i) ^ mask);
  reset(chain);
  compress(chain, PAD);
}

/** Whether the slot exists and holds a key. */
export function hasKey(slot: u32): bool {
  return slot < SLOTS && ((filled >> slot) & 1) == 1;
}

/** Puts a key, which has PADDING free bytes after it, into a slot. */
export function setKey(slot: u32, key: usize, length: u32): void {
  memory.fill(PAD, 0, 64);
  if (length > 64) digest(key, length, PAD);
  else memory.copy(PAD, key, length);
  absorbPad(inner(slot), 0x3636363636363636);
  absorbPad(outer(slot), 0x3636363636363636 ^ 0x5c5c5c5c5c5c5c5c);
  memory.fill(PAD, 0, 64);
  filled |= 1 << slot;
}

function finishOuter(slot: u32): usize {
  memory.copy(CHAINED, outer(slot), CHAIN);
  absorb(CHAINED, INNER, 32, 64);
  return CHAINED;
}

/** The MAC of a message that has PADDING free bytes after it, as a hash value. */
export function hmac(slot: u32, at: usize, length: u32): usize {
  memory.copy(CHAINED, inner(slot), CHAIN);
  absorb(CHAINED, at, length, 64);
  emit(CHAINED, INNER);
  return finishOuter(slot);
}

/** Begins the MAC of a message in pieces. The pieces go to the `update` of the stream. */
export function beginHmac(slot: u32): void {
  begin(inner(slot), 64);
}

/** Ends the MAC of the stream, as a hash value. */
export function finishHmac(slot: u32): usize {
  finish(INNER);
  return finishOuter(slot);
}

/** Compares two byte strings of one length in constant time. */
export function equal(a: usize, b: usize, length: u32): bool {
  let different: u32 = 0;
  for (let i: u32 = 0; i < length; i++) different |= load<u8>(a + i) ^ load<u8>(b + i);
  return different == 0;
}
