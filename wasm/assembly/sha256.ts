// SHA-256 with the names of FIPS 180-4: H the initial hash value, K the round constants, W the message schedule, a to h the
// working variables, T1 and T2 the temporary words. Messages begin at multiples of 8 in linear memory: without WebAssembly,
// a word can only be read at a multiple of its size.

const H = memory.data<u32>([
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

/** Free bytes that a message needs after it, to be padded in place. */
export const PADDING = 72;
/** Bytes of a hash value (H0 to H7). */
export const CHAIN: usize = 32;

/** The state of a stream between two updates: hash value, bytes so far (u64), incomplete block. A host may save and restore it. */
export const STREAM_BYTES = 104;
export const STREAM = memory.data(STREAM_BYTES, 8);
const SO_FAR = STREAM + 32;
const BLOCK = STREAM + 40;

/** The hash value of the one-shot digest. */
const ONCE = memory.data(32, 8);

// @ts-ignore: decorator
@inline
function word(block: usize, index: usize): u32 {
  return bswap(load<u32>(block + (index << 2)));
}

// @ts-ignore: decorator
@inline
function ch(x: u32, y: u32, z: u32): u32 {
  return z ^ (x & (y ^ z));
}

// @ts-ignore: decorator
@inline
function maj(x: u32, y: u32, z: u32): u32 {
  return (x & y) | (z & (x | y));
}

/** The upper-case sigma of index 0. */
// @ts-ignore: decorator
@inline
function bigSigma0(x: u32): u32 {
  return rotr(x, 2) ^ rotr(x, 13) ^ rotr(x, 22);
}

/** The upper-case sigma of index 1. */
// @ts-ignore: decorator
@inline
function bigSigma1(x: u32): u32 {
  return rotr(x, 6) ^ rotr(x, 11) ^ rotr(x, 25);
}

// @ts-ignore: decorator
@inline
function sigma0(x: u32): u32 {
  return rotr(x, 7) ^ rotr(x, 18) ^ (x >>> 3);
}

// @ts-ignore: decorator
@inline
function sigma1(x: u32): u32 {
  return rotr(x, 17) ^ rotr(x, 19) ^ (x >>> 10);
}

/** T1; `kw` is the sum of K and W of the round. The terms that do not need `e`, the newest value, come first. */
// @ts-ignore: decorator
@inline
function T1(e: u32, f: u32, g: u32, h: u32, kw: u32): u32 {
  return h + kw + ch(e, f, g) + bigSigma1(e);
}

// @ts-ignore: decorator
@inline
function T2(a: u32, b: u32, c: u32): u32 {
  return bigSigma0(a) + maj(a, b, c);
}

/** The next word of the message schedule: Wt of W(t-16), W(t-15), W(t-7) and W(t-2). */
// @ts-ignore: decorator
@inline
function schedule(w16: u32, w15: u32, w7: u32, w2: u32): u32 {
  return w16 + sigma0(w15) + w7 + sigma1(w2);
}

/**
 * Updates a hash value with one 64-byte block (FIPS 180-4, section 6.2.2). Sixteen rounds per turn keep the message schedule in
 * locals; unrolling all 64 is no faster in V8 and half as fast in JavaScriptCore.
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

  // W0 to W15 are the words of the block.
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

  h = T1(e, f, g, h, load<u32>(K) + w0), d += h, h += T2(a, b, c);
  g = T1(d, e, f, g, load<u32>(K, 4) + w1), c += g, g += T2(h, a, b);
  f = T1(c, d, e, f, load<u32>(K, 8) + w2), b += f, f += T2(g, h, a);
  e = T1(b, c, d, e, load<u32>(K, 12) + w3), a += e, e += T2(f, g, h);
  d = T1(a, b, c, d, load<u32>(K, 16) + w4), h += d, d += T2(e, f, g);
  c = T1(h, a, b, c, load<u32>(K, 20) + w5), g += c, c += T2(d, e, f);
  b = T1(g, h, a, b, load<u32>(K, 24) + w6), f += b, b += T2(c, d, e);
  a = T1(f, g, h, a, load<u32>(K, 28) + w7), e += a, a += T2(b, c, d);
  h = T1(e, f, g, h, load<u32>(K, 32) + w8), d += h, h += T2(a, b, c);
  g = T1(d, e, f, g, load<u32>(K, 36) + w9), c += g, g += T2(h, a, b);
  f = T1(c, d, e, f, load<u32>(K, 40) + w10), b += f, f += T2(g, h, a);
  e = T1(b, c, d, e, load<u32>(K, 44) + w11), a += e, e += T2(f, g, h);
  d = T1(a, b, c, d, load<u32>(K, 48) + w12), h += d, d += T2(e, f, g);
  c = T1(h, a, b, c, load<u32>(K, 52) + w13), g += c, c += T2(d, e, f);
  b = T1(g, h, a, b, load<u32>(K, 56) + w14), f += b, b += T2(c, d, e);
  a = T1(f, g, h, a, load<u32>(K, 60) + w15), e += a, a += T2(b, c, d);

  for (let k = K + 64; k < K + 256; k += 64) {
    w0 = schedule(w0, w1, w9, w14), h = T1(e, f, g, h, load<u32>(k) + w0), d += h, h += T2(a, b, c);
    w1 = schedule(w1, w2, w10, w15), g = T1(d, e, f, g, load<u32>(k, 4) + w1), c += g, g += T2(h, a, b);
    w2 = schedule(w2, w3, w11, w0), f = T1(c, d, e, f, load<u32>(k, 8) + w2), b += f, f += T2(g, h, a);
    w3 = schedule(w3, w4, w12, w1), e = T1(b, c, d, e, load<u32>(k, 12) + w3), a += e, e += T2(f, g, h);
    w4 = schedule(w4, w5, w13, w2), d = T1(a, b, c, d, load<u32>(k, 16) + w4), h += d, d += T2(e, f, g);
    w5 = schedule(w5, w6, w14, w3), c = T1(h, a, b, c, load<u32>(k, 20) + w5), g += c, c += T2(d, e, f);
    w6 = schedule(w6, w7, w15, w4), b = T1(g, h, a, b, load<u32>(k, 24) + w6), f += b, b += T2(c, d, e);
    w7 = schedule(w7, w8, w0, w5), a = T1(f, g, h, a, load<u32>(k, 28) + w7), e += a, a += T2(b, c, d);
    w8 = schedule(w8, w9, w1, w6), h = T1(e, f, g, h, load<u32>(k, 32) + w8), d += h, h += T2(a, b, c);
    w9 = schedule(w9, w10, w2, w7), g = T1(d, e, f, g, load<u32>(k, 36) + w9), c += g, g += T2(h, a, b);
    w10 = schedule(w10, w11, w3, w8), f = T1(c, d, e, f, load<u32>(k, 40) + w10), b += f, f += T2(g, h, a);
    w11 = schedule(w11, w12, w4, w9), e = T1(b, c, d, e, load<u32>(k, 44) + w11), a += e, e += T2(f, g, h);
    w12 = schedule(w12, w13, w5, w10), d = T1(a, b, c, d, load<u32>(k, 48) + w12), h += d, d += T2(e, f, g);
    w13 = schedule(w13, w14, w6, w11), c = T1(h, a, b, c, load<u32>(k, 52) + w13), g += c, c += T2(d, e, f);
    w14 = schedule(w14, w15, w7, w12), b = T1(g, h, a, b, load<u32>(k, 56) + w14), f += b, b += T2(c, d, e);
    w15 = schedule(w15, w0, w8, w13), a = T1(f, g, h, a, load<u32>(k, 60) + w15), e += a, a += T2(b, c, d);
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

/** Sets a hash value to the initial one. */
export function reset(chain: usize): void {
  memory.copy(chain, H, CHAIN);
}

/**
 * Pads a message in place (it has PADDING free bytes after it) and updates the hash value with all of it. `before`: number of
 * bytes that the hash value already includes.
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

/** Writes a hash value as the 32 bytes of a digest. */
export function emit(chain: usize, out: usize): void {
  for (let i: usize = 0; i < CHAIN; i += 4) store<u32>(out + i, bswap(load<u32>(chain + i)));
}

/** The digest of a message that has PADDING free bytes after it. */
export function digest(at: usize, length: u32, out: usize): void {
  reset(ONCE);
  absorb(ONCE, at, length, 0);
  emit(ONCE, out);
}

/** Begins a stream from a hash value that already includes `before` bytes, a multiple of 64. */
export function begin(chain: usize, before: u32): void {
  memory.copy(STREAM, chain, CHAIN);
  store<u64>(SO_FAR, before);
}

/** Begins a plain stream. */
export function beginDigest(): void {
  begin(H, 0);
}

/** Adds the next piece to the stream. */
export function update(at: usize, length: u32): void {
  const soFar = load<u64>(SO_FAR);
  const end = at + length;
  store<u64>(SO_FAR, soFar + length);
  const buffered: u32 = u32(soFar) & 63;
  if (buffered) {
    const room: u32 = 64 - buffered;
    if (length < room) {
      memory.copy(BLOCK + buffered, at, length);
      return;
    }
    memory.copy(BLOCK + buffered, at, room);
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
  let buffered: u32 = u32(soFar) & 63;
  store<u8>(BLOCK + buffered++, 0x80);
  if (buffered > 56) {
    memory.fill(BLOCK + buffered, 0, 64 - buffered);
    compress(STREAM, BLOCK);
    buffered = 0;
  }
  memory.fill(BLOCK + buffered, 0, 56 - buffered);
  store<u64>(BLOCK + 56, bswap(soFar << 3));
  compress(STREAM, BLOCK);
  emit(STREAM, out);
}
