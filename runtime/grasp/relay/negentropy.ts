/**
 * Range-based set reconciliation (NIP-77, R23, L26), as both roles: finds what either side lacks with messages that grow with
 * the differences and not with the sets.
 * @module
 */
import { toHex } from "../../lib/hex.ts";
import {
  type Bound,
  END,
  FINGERPRINT_BYTES,
  ID_BYTES,
  type NegentropyRecords,
  varint,
} from "./negentropy-records.ts";

/** The protocol's version 1, the first byte of every message. */
export const VERSION = 0x61;
/** What a range holds: a skip, a fingerprint, or every id. */
const MODE = { skip: 0, fingerprint: 1, ids: 2 } as const;
/** Parts of a range whose fingerprints differ; a range with fewer than two records a part is sent as ids. */
const PARTS = 16;
/** Largest message, in bytes (table of limits). */
export const FRAME_BYTES = 60_000;
/** Room that is left in a message for its last range. */
const RESERVED_BYTES = 200;

/** A message that cannot be read. */
export class NegentropyFault extends Error {}

/** What a message of the other side leads to. */
export interface Step {
  /** The message to send back; `null`: the initiator is done. */
  readonly reply: Uint8Array | null;
  /** Ids that we have and the other side lacks. Only the initiator learns them. */
  readonly have: readonly string[];
  /** Ids that the other side has and we lack. */
  readonly need: readonly string[];
}

/** One negotiation. */
export class Negentropy {
  readonly records: NegentropyRecords;
  readonly #isInitiator: boolean;
  readonly #frameBytes: number;

  constructor(records: NegentropyRecords, isInitiator: boolean, frameBytes = FRAME_BYTES) {
    this.records = records;
    this.#isInitiator = isInitiator;
    this.#frameBytes = frameBytes;
  }

  /** The initiator's first message. */
  open(): Uint8Array {
    const message = new MessageWriter();
    this.#split(0, this.records.size, END, message);
    return message.bytes();
  }

  /**
   * Reads a message of the other side.
   * @throws {NegentropyFault} if it cannot be read, or if it is of another version and we are the initiator.
   */
  step(message: Uint8Array): Step {
    const reader = new MessageReader(message);
    const version = reader.byte();
    if (version < 0x60 || version > 0x6f) throw new NegentropyFault("it is no message of negentropy");
    if (version !== VERSION) {
      // The answer tells our version (R23).
      if (!this.#isInitiator) return { reply: Uint8Array.of(VERSION), have: [], need: [] };
      throw new NegentropyFault("the other side speaks another version");
    }
    const found = { have: [] as string[], need: [] as string[] };
    const reply = this.#answer(reader, found);
    return { reply: this.#isInitiator && reply.length === 1 ? null : reply.bytes(), ...found };
  }

  /** Goes through the ranges of a message. What needs no more work is skipped. */
  #answer(reader: MessageReader, found: { have: string[]; need: string[] }): MessageWriter {
    const { records } = this;
    const reply = new MessageWriter();
    /** The first record behind the ranges of the message, and behind those of the reply. */
    let index = 0;
    let told = 0;
    let bound: Bound = { time: 0, prefix: new Uint8Array(0) };
    let isSkipping = false;
    while (!reader.isAtEnd) {
      const [from, start] = [index, bound];
      bound = reader.bound();
      const mode = reader.number();
      index = records.firstFrom(from, bound);
      const part = reply.part();
      let toldPart = index;
      if (mode === MODE.skip) {
        isSkipping = true;
        continue;
      }
      if (mode === MODE.fingerprint) {
        if (isEqual(reader.take(FINGERPRINT_BYTES), records.fingerprint(from, index))) {
          isSkipping = true;
          continue;
        }
        if (isSkipping) part.range(start, MODE.skip);
        this.#split(from, index, bound, part);
      } else if (mode === MODE.ids) {
        const theirs = reader.ids();
        if (this.#isInitiator) {
          this.#compare(from, index, theirs, found);
          isSkipping = true;
          continue;
        }
        if (isSkipping) part.range(start, MODE.skip);
        const room = this.#frameBytes - RESERVED_BYTES - reply.length - part.length - ID_BYTES;
        toldPart = Math.min(index, from + Math.max(0, Math.floor(room / ID_BYTES)));
        this.#list(from, toldPart, toldPart === index ? bound : records.boundAt(toldPart), part);
      } else throw new NegentropyFault("a range has an unknown mode");

      const isTooLong = reply.length + part.length > this.#frameBytes - RESERVED_BYTES;
      if (!isTooLong) {
        reply.append(part);
        told = toldPart;
        isSkipping = false;
      }
      if (isTooLong || toldPart < index) {
        // The rest of the space, from what the reply tells on, is compared in the next round.
        reply.range(END, MODE.fingerprint);
        reply.raw(records.fingerprint(told, records.size));
        break;
      }
    }
    return reply;
  }

  /** Writes a range as ids if it is short, else as fingerprints of its parts. */
  #split(from: number, to: number, bound: Bound, message: MessageWriter): void {
    const size = to - from;
    if (size < 2 * PARTS) {
      this.#list(from, to, bound, message);
      return;
    }
    for (let part = 0; part < PARTS; part++) {
      const [low, high] = [part, part + 1].map((n) => from + Math.floor((n * size) / PARTS)) as [
        number,
        number,
      ];
      message.range(high === to ? bound : this.records.boundBefore(high), MODE.fingerprint);
      message.raw(this.records.fingerprint(low, high));
    }
  }

  #list(from: number, to: number, bound: Bound, message: MessageWriter): void {
    message.range(bound, MODE.ids);
    message.raw(varint(to - from));
    for (let i = from; i < to; i++) message.raw(this.records.id(i));
  }

  #compare(
    from: number,
    to: number,
    theirs: readonly Uint8Array[],
    { have, need }: { have: string[]; need: string[] },
  ): void {
    const missing = new Set(theirs.map(toHex));
    for (let i = from; i < to; i++) {
      const id = toHex(this.records.id(i));
      if (!missing.delete(id)) have.push(id);
    }
    for (const id of missing) need.push(id);
  }
}

class MessageReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #lastTime = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw new NegentropyFault("the message breaks off");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  number(): number {
    let value = 0;
    for (;;) {
      const byte = this.byte();
      value = value * 128 + (byte & 127);
      if (!Number.isSafeInteger(value)) throw new NegentropyFault("a number is too large");
      if (byte < 128) return value;
    }
  }

  /** Times are told as differences plus one; 0 is the end. */
  bound(): Bound {
    const delta = this.number();
    this.#lastTime = delta === 0 ? Number.POSITIVE_INFINITY : this.#lastTime + delta - 1;
    const length = this.number();
    if (length > ID_BYTES) throw new NegentropyFault("a bound is longer than an id");
    return { time: this.#lastTime, prefix: this.take(length) };
  }

  ids(): Uint8Array[] {
    const count = this.number();
    if (count * ID_BYTES > this.#bytes.length - this.#at) throw new NegentropyFault("the message breaks off");
    return Array.from({ length: count }, () => this.take(ID_BYTES));
  }
}

class MessageWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;
  #lastTime: number;

  /** @param lastTime of the message that this is a part of; without it a message begins */
  constructor(lastTime?: number) {
    this.#lastTime = lastTime ?? 0;
    if (lastTime === undefined) this.raw([VERSION]);
  }

  get length(): number {
    return this.#length;
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A part that may be appended. */
  part(): MessageWriter {
    return new MessageWriter(this.#lastTime);
  }

  append(part: MessageWriter): void {
    this.raw(part.bytes());
    this.#lastTime = part.#lastTime;
  }

  range({ time, prefix }: Bound, mode: number): void {
    this.raw(varint(time === Number.POSITIVE_INFINITY ? 0 : time - this.#lastTime + 1));
    this.#lastTime = time;
    this.raw(varint(prefix.length));
    this.raw(prefix);
    this.raw(varint(mode));
  }

  raw(bytes: ArrayLike<number>): void {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
      larger.set(this.bytes());
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}
