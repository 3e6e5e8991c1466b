/**
 * The records of one side of a negotiation: times and ids in the order of NIP-77, with sums over ranges.
 * @module
 */

import type { TimedIds } from "../ports.ts";

/** Bytes of an id. */
export const ID_BYTES = 32;
/** Bytes of a fingerprint. */
export const FINGERPRINT_BYTES = 16;
const WORDS = ID_BYTES / 4;

/** SHA-256 of bytes. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** The beginning of a range: a time, and the first bytes of an id. `Infinity` is behind every record. */
export interface Bound {
  readonly time: number;
  readonly prefix: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);

/** The bound behind every record. */
export const END: Bound = { time: Number.POSITIVE_INFINITY, prefix: NO_BYTES };

/** Records sorted by time, then by id (R23). */
export class NegentropyRecords {
  readonly size: number;
  readonly #times: Uint32Array;
  readonly #ids: Uint8Array;
  /** The same ids as numbers of 32 bits, for sums. */
  readonly #words: Uint32Array;
  readonly #sha256: Sha256;

  /** @param given is kept if it is sorted already */
  constructor(given: TimedIds, sha256: Sha256) {
    const { times, ids } = isSorted(given) ? given : sorted(given);
    this.size = times.length;
    this.#times = times;
    this.#ids = ids;
    this.#words = wordsOf(ids);
    this.#sha256 = sha256;
  }

  /** The id of a record. A view, not a copy. */
  id(index: number): Uint8Array {
    return this.#ids.subarray(index * ID_BYTES, (index + 1) * ID_BYTES);
  }

  /** The bound before which a record is not, and at which it is. */
  boundAt(index: number): Bound {
    return { time: this.#times[index]!, prefix: this.id(index) };
  }

  /** The shortest bound that parts a record from the one before it. */
  boundBefore(index: number): Bound {
    const time = this.#times[index]!;
    if (time !== this.#times[index - 1]) return { time, prefix: NO_BYTES };
    const [before, id] = [this.id(index - 1), this.id(index)];
    let shared = 0;
    while (before[shared] === id[shared]) shared++;
    return { time, prefix: id.subarray(0, shared + 1) };
  }

  /** The first record, from an index on, that is not before a bound. */
  firstFrom(from: number, { time, prefix }: Bound): number {
    let low = from;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#times[middle]!;
      const isBefore = other === time ? compare(this.id(middle), prefix) < 0 : other < time;
      if (isBefore) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** SHA-256 over the sum of the ids (little-endian, modulo 2^256) and their number, its first 16 bytes. */
  fingerprint(from: number, to: number): Uint8Array {
    const words = this.#words;
    // Up to 2^21 numbers of 32 bits have a sum that a double holds exactly.
    let [s0, s1, s2, s3, s4, s5, s6, s7] = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let at = from * WORDS; at < to * WORDS; at += WORDS) {
      s0 += words[at]!;
      s1 += words[at + 1]!;
      s2 += words[at + 2]!;
      s3 += words[at + 3]!;
      s4 += words[at + 4]!;
      s5 += words[at + 5]!;
      s6 += words[at + 6]!;
      s7 += words[at + 7]!;
    }
    const count = varint(to - from);
    const input = new Uint8Array(ID_BYTES + count.length);
    const view = new DataView(input.buffer);
    let carry = 0;
    for (const [word, sum] of [s0, s1, s2, s3, s4, s5, s6, s7].entries()) {
      const whole = sum + carry;
      view.setUint32(4 * word, whole % 2 ** 32, true);
      carry = Math.floor(whole / 2 ** 32);
    }
    input.set(count, ID_BYTES);
    return this.#sha256(input).slice(0, FINGERPRINT_BYTES);
  }
}

/** A number from 0, seven bits a byte, the highest first. All bytes but the last have their highest bit set. */
export function varint(value: number): number[] {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift((rest % 128) | 128);
  }
  return bytes;
}

/** Compares two byte strings. A beginning is smaller than what it begins. */
function compare(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

function isSorted({ times, ids }: TimedIds): boolean {
  for (let i = 1; i < times.length; i++) if (order(times, ids, i - 1, i) > 0) return false;
  return true;
}

function order(times: Uint32Array, ids: Uint8Array, a: number, b: number): number {
  if (times[a] !== times[b]) return times[a]! - times[b]!;
  for (let i = 0; i < ID_BYTES; i++) {
    const difference = ids[a * ID_BYTES + i]! - ids[b * ID_BYTES + i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function sorted({ times, ids }: TimedIds): TimedIds {
  const places = Uint32Array.from(times, (_, i) => i).sort((a, b) => order(times, ids, a, b));
  const result = { times: new Uint32Array(times.length), ids: new Uint8Array(ids.length) };
  for (const [to, from] of places.entries()) {
    result.times[to] = times[from]!;
    result.ids.set(ids.subarray(from * ID_BYTES, (from + 1) * ID_BYTES), to * ID_BYTES);
  }
  return result;
}

function wordsOf(ids: Uint8Array): Uint32Array {
  const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
  if (isLittleEndian && ids.byteOffset % 4 === 0)
    return new Uint32Array(ids.buffer, ids.byteOffset, ids.length / 4);
  const view = new DataView(ids.buffer, ids.byteOffset, ids.length);
  return Uint32Array.from({ length: ids.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}
