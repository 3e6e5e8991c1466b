/**
 * Reads bits of a base64url text in place. Consent strings are bit fields, six bits a character. Decoding a whole string to read a few
 * bits would cost more than the rest of the request.
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

/** Number of bits of a base64url text. */
export function bitLength(text: string): number {
  return text.length * 6;
}

/**
 * The unsigned integer in `count` bits from bit `from`, the most significant first.
 *
 * @param text base64url; the bits must lie in it
 * @param count 1 to 25, so that the characters read fit 31 bits
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
