/**
 * Consent strings as texts of zeros and ones, for tests that parse them or build invalid ones.
 * @module
 */

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** The bits of a base64url text. */
export function toBits(text: string): string {
  return [...text].map((digit) => DIGITS.indexOf(digit).toString(2).padStart(6, "0")).join("");
}

/** The base64url text of bits, padded with zeros to a whole character. */
export function fromBits(bits: string): string {
  return (bits.match(/.{1,6}/g) ?? []).map((six) => DIGITS[Number.parseInt(six.padEnd(6, "0"), 2)]).join("");
}

/** A number with a given number of bits. */
export function bitsOf(value: number, count: number): string {
  return value.toString(2).padStart(count, "0");
}

/** A number in Fibonacci coding. */
export function fibonacciBits(value: number): string {
  const weights = [1, 2];
  while (weights.at(-1)! <= value) weights.push(weights.at(-1)! + weights.at(-2)!);
  let left = value;
  const bits = weights.reverse().map((weight) => {
    if (weight > left) return "0";
    left -= weight;
    return "1";
  });
  return `${bits.reverse().join("").replace(/0+$/, "")}1`;
}

/** A GPP header that lists these sections, each as an entry of its own. */
export function gppHeader(ids: readonly number[]): string {
  const entries = ids.map((id, index) => `0${fibonacciBits(id - (ids[index - 1] ?? 0))}`);
  return fromBits(bitsOf(3, 6) + bitsOf(1, 6) + bitsOf(ids.length, 12) + entries.join(""));
}

/** The core segment of a TC string of version 2 up to the vendors, with Purpose 1 and without restrictions. */
export interface CoreFields {
  version?: number;
  /** Default: the same as `lastUpdatedMs`. */
  createdMs?: number;
  lastUpdatedMs?: number;
  cmpId?: number;
  purposes?: string;
  country?: string;
}

/** The first 213 bits of a TC string's core: everything before the vendors. */
export function tcfCoreBits(fields: CoreFields = {}): string {
  const { version = 2, lastUpdatedMs = 0, cmpId = 31, purposes = "1", country = "000000000000" } = fields;
  const time = (ms: number) => bitsOf(Math.round(ms / 100), 36);
  const times = time(fields.createdMs ?? lastUpdatedMs) + time(lastUpdatedMs);
  const software = bitsOf(cmpId, 12) + bitsOf(1, 12) + bitsOf(1, 6) + bitsOf(0, 12) + bitsOf(100, 12);
  const choices = `${bitsOf(5, 6)}10${"0".repeat(12)}${purposes.padEnd(24, "0")}${"0".repeat(24)}0`;
  return bitsOf(version, 6) + times + software + choices + country;
}

/** An empty vendor field. */
export const NO_VENDORS = "0".repeat(17);
/** An empty list of publisher restrictions. */
export const NO_RESTRICTIONS = "0".repeat(12);
