/** The bytes of lower-case hex digits. At the start of a process, `Uint8Array.from` takes five times as long as a loop. */
export function bytesOfDigits(digits: string): Uint8Array<ArrayBuffer> {
  if (fromHex !== undefined) return fromHex(digits);
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = digitOf(digits.charCodeAt(2 * i)) * 16 + digitOf(digits.charCodeAt(2 * i + 1));
  }
  return bytes;
}

/** The value of a hex digit: 48 to 57 are "0" to "9", 97 to 102 are "a" to "f". */
const digitOf = (code: number): number => (code & 15) + 9 * (code >> 6);

/** Some hosts lack it, and so does TypeScript's library for this target. */
const { fromHex } = Uint8Array as { fromHex?: (digits: string) => Uint8Array<ArrayBuffer> };
