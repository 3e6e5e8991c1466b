// SHA-256 (FIPS 180-4), over messages that lie in linear memory at multiples of 8: without WebAssembly, words can only
// be read at multiples of their size.

const IV = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

const K = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);

/** Bytes of slack that a message needs behind it to be padded in place. */
export const PADDING = 72;
/** Bytes of a chaining value. */
export const CHAIN: usize = 32;

/** A stream between two updates: chaining value, bytes so far (u64), unfinished block. A host may copy it out and in. */
export const STREAM_BYTES = 104;
export const STREAM = memory.data(STREAM_BYTES, 8);
const SO_FAR = STREAM + 32;
const BLOCK = STREAM + 40;

/** The chaining value of the one-shot digest. */
const ONCE = memory.data(32, 8);

// @ts-ignore: decorator
@inline
function word(block: usize, index: usize): u32 {
  return bswap(load<u32>(block + (index << 2)));
}

// @ts-ignore: decorator
@inline
function first(e: u32, f: u32, g: u32, h: u32, kw: u32): u32 {
  // What does not wait for `e`, the newest, comes first.
  return h + kw + (g ^ (e & (f ^ g))) + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25));
}

// @ts-ignore: decorator
@inline
function second(a: u32, b: u32, c: u32): u32 {
  return (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) | (c & (a | b)));
}

// @ts-ignore: decorator
@inline
function next(w: u32, w1: u32, w9: u32, w14: u32): u32 {
  return w + (rotr(w1, 7) ^ rotr(w1, 18) ^ (w1 >>> 3)) + w9 + (rotr(w14, 17) ^ rotr(w14, 19) ^ (w14 >>> 10));
}

/**
 * Runs one 64-byte block into a chaining value. Sixteen rounds a turn keep the message schedule in locals; to unroll all
 * 64 is no faster in V8 and half as fast in JavaScriptCore.
 */
export function compress(chain: usize, block: usize): void {
  let a = load<u32>(chain);
  let b = load<u32>(chain, 4);
  let c = load<u32>(chain, 8);
  let d = load<u32>(chain, 12);
  let e = load<u32>(chain, 16);
  let f = load<u32>(chain, 20);
  let g = load<u32>(chain, 24);
  let h = load<u32>(chain, 28);

  let w0 = word(block, 0);
  let w1 = word(block, 1);
  let w2 = word(block, 2);
  let w3 = word(block, 3);
  let w4 = word(block, 4);
  let w5 = word(block, 5);
  let w6 = word(block, 6);
  let w7 = word(block, 7);
  let w8 = word(block, 8);
  let w9 = word(block, 9);
  let w10 = word(block, 10);
  let w11 = word(block, 11);
  let w12 = word(block, 12);
  let w13 = word(block, 13);
  let w14 = word(block, 14);
  let w15 = word(block, 15);

  h = first(e, f, g, h, load<u32>(K) + w0), d += h, h += second(a, b, c);
  g = first(d, e, f, g, load<u32>(K, 4) + w1), c += g, g += second(h, a, b);
  f = first(c, d, e, f, load<u32>(K, 8) + w2), b += f, f += second(g, h, a);
  e = first(b, c, d, e, load<u32>(K, 12) + w3), a += e, e += second(f, g, h);
  d = first(a, b, c, d, load<u32>(K, 16) + w4), h += d, d += second(e, f, g);
  c = first(h, a, b, c, load<u32>(K, 20) + w5), g += c, c += second(d, e, f);
  b = first(g, h, a, b, load<u32>(K, 24) + w6), f += b, b += second(c, d, e);
  a = first(f, g, h, a, load<u32>(K, 28) + w7), e += a, a += second(b, c, d);
  h = first(e, f, g, h, load<u32>(K, 32) + w8), d += h, h += second(a, b, c);
  g = first(d, e, f, g, load<u32>(K, 36) + w9), c += g, g += second(h, a, b);
  f = first(c, d, e, f, load<u32>(K, 40) + w10), b += f, f += second(g, h, a);
  e = first(b, c, d, e, load<u32>(K, 44) + w11), a += e, e += second(f, g, h);
  d = first(a, b, c, d, load<u32>(K, 48) + w12), h += d, d += second(e, f, g);
  c = first(h, a, b, c, load<u32>(K, 52) + w13), g += c, c += second(d, e, f);
  b = first(g, h, a, b, load<u32>(K, 56) + w14), f += b, b += second(c, d, e);
  a = first(f, g, h, a, load<u32>(K, 60) + w15), e += a, a += second(b, c, d);

  for (let k = K + 64; k < K + 256; k += 64) {
    w0 = next(w0, w1, w9, w14), h = first(e, f, g, h, load<u32>(k) + w0), d += h, h += second(a, b, c);
    w1 = next(w1, w2, w10, w15), g = first(d, e, f, g, load<u32>(k, 4) + w1), c += g, g += second(h, a, b);
    w2 = next(w2, w3, w11, w0), f = first(c, d, e, f, load<u32>(k, 8) + w2), b += f, f += second(g, h, a);
    w3 = next(w3, w4, w12, w1), e = first(b, c, d, e, load<u32>(k, 12) + w3), a += e, e += second(f, g, h);
    w4 = next(w4, w5, w13, w2), d = first(a, b, c, d, load<u32>(k, 16) + w4), h += d, d += second(e, f, g);
    w5 = next(w5, w6, w14, w3), c = first(h, a, b, c, load<u32>(k, 20) + w5), g += c, c += second(d, e, f);
    w6 = next(w6, w7, w15, w4), b = first(g, h, a, b, load<u32>(k, 24) + w6), f += b, b += second(c, d, e);
    w7 = next(w7, w8, w0, w5), a = first(f, g, h, a, load<u32>(k, 28) + w7), e += a, a += second(b, c, d);
    w8 = next(w8, w9, w1, w6), h = first(e, f, g, h, load<u32>(k, 32) + w8), d += h, h += second(a, b, c);
    w9 = next(w9, w10, w2, w7), g = first(d, e, f, g, load<u32>(k, 36) + w9), c += g, g += second(h, a, b);
    w10 = next(w10, w11, w3, w8), f = first(c, d, e, f, load<u32>(k, 40) + w10), b += f, f += second(g, h, a);
    w11 = next(w11, w12, w4, w9), e = first(b, c, d, e, load<u32>(k, 44) + w11), a += e, e += second(f, g, h);
    w12 = next(w12, w13, w5, w10), d = first(a, b, c, d, load<u32>(k, 48) + w12), h += d, d += second(e, f, g);
    w13 = next(w13, w14, w6, w11), c = first(h, a, b, c, load<u32>(k, 52) + w13), g += c, c += second(d, e, f);
    w14 = next(w14, w15, w7, w12), b = first(g, h, a, b, load<u32>(k, 56) + w14), f += b, b += second(c, d, e);
    w15 = next(w15, w0, w8, w13), a = first(f, g, h, a, load<u32>(k, 60) + w15), e += a, a += second(b, c, d);
  }

  store<u32>(chain, load<u32>(chain) + a);
  store<u32>(chain, load<u32>(chain, 4) + b, 4);
  store<u32>(chain, load<u32>(chain, 8) + c, 8);
  store<u32>(chain, load<u32>(chain, 12) + d, 12);
  store<u32>(chain, load<u32>(chain, 16) + e, 16);
  store<u32>(chain, load<u32>(chain, 20) + f, 20);
  store<u32>(chain, load<u32>(chain, 24) + g, 24);
  store<u32>(chain, load<u32>(chain, 28) + h, 28);
}

/** Sets a chaining value to the one that every digest begins with. */
export function reset(chain: usize): void {
  memory.copy(chain, IV, CHAIN);
}

/**
 * Ends a message that lies whole at `at`: pads it in place (it has PADDING bytes of slack behind it) and runs it into
 * the chaining value. `before`: how many bytes the chaining value has seen already.
 */
export function absorb(chain: usize, at: usize, length: u32, before: u32): void {
  const sizeField = at + ((length + 8) & ~63) + 56;
  let gap = at + length;
  store<u8>(gap++, 0x80);
  for (; gap & 7; gap++) store<u8>(gap, 0);
  for (; gap < sizeField; gap += 8) store<u64>(gap, 0);
  store<u64>(sizeField, bswap(u64(before + length) << 3));
  for (let block = at; block < sizeField; block += 64) compress(chain, block);
}

/** Writes a chaining value as the 32 bytes of a digest. */
export function emit(chain: usize, out: usize): void {
  for (let i: usize = 0; i < CHAIN; i += 4) store<u32>(out + i, bswap(load<u32>(chain + i)));
}

/** The digest of a message that has PADDING bytes of slack behind it. */
export function digest(at: usize, length: u32, out: usize): void {
  reset(ONCE);
  absorb(ONCE, at, length, 0);
  emit(ONCE, out);
}

/** Begins a stream from a chaining value that has seen `before` bytes, a multiple of 64. */
export function begin(chain: usize, before: u32): void {
  memory.copy(STREAM, chain, CHAIN);
  store<u64>(SO_FAR, before);
}

/** Begins a plain stream. */
export function beginDigest(): void {
  begin(IV, 0);
}

/** Takes the next piece of the stream. */
export function update(at: usize, length: u32): void {
  const soFar = load<u64>(SO_FAR);
  const end = at + length;
  store<u64>(SO_FAR, soFar + length);
  const held: u32 = u32(soFar) & 63;
  if (held) {
    const room: u32 = 64 - held;
    if (length < room) {
      memory.copy(BLOCK + held, at, length);
      return;
    }
    memory.copy(BLOCK + held, at, room);
    compress(STREAM, BLOCK);
    at += room;
  }
  for (; at + 64 <= end; at += 64) {
    if (at & 7) memory.copy(BLOCK, at, 64);
    compress(STREAM, at & 7 ? BLOCK : at);
  }
  memory.copy(BLOCK, at, end - at);
}

/** Ends the stream and writes its digest. */
export function finish(out: usize): void {
  const soFar = load<u64>(SO_FAR);
  let held: u32 = u32(soFar) & 63;
  store<u8>(BLOCK + held++, 0x80);
  if (held > 56) {
    memory.fill(BLOCK + held, 0, 64 - held);
    compress(STREAM, BLOCK);
    held = 0;
  }
  memory.fill(BLOCK + held, 0, 56 - held);
  store<u64>(BLOCK + 56, bswap(soFar << 3));
  compress(STREAM, BLOCK);
  emit(STREAM, out);
}
