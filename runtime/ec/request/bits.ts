/**
 * Bits of a base64url text, read where they stand. Consent strings are bit fields written six bits to a character;
 * decoding one whole to read a few of its bits would cost more than the rest of the request.
 * @module
 */

/** The value of each base64url character, by character code. */
const SEXTETS = new Uint8Array(128);
for (let value = 0; value < 64; value++) {
  SEXTETS["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".charCodeAt(value)] = value;
}

const BASE64URL = /^[\w-]+$/;

/** Whether `text` is base64url without padding, at least one character of it. */
export function isBase64Url(text: string): boolean {
  return BASE64URL.test(text);
}

/** How many bits a base64url text holds. */
export function bitLength(text: string): number {
  return text.length * 6;
}

/**
 * The unsigned integer in `count` bits from bit `from`, the most significant first.
 *
 * @param text base64url; the bits must lie in it
 * @param count 1 to 25, so that what is read with them fits 31 bits
 */
export function readBits(text: string, from: number, count: number): number {
  let index = (from / 6) | 0;
  let held = 6 - (from % 6);
  let value = SEXTETS[text.charCodeAt(index)]! & ((1 << held) - 1);
  while (held < count) {
    index++;
    held += 6;
    value = (value << 6) | SEXTETS[text.charCodeAt(index)]!;
  }
  return value >> (held - count);
}
