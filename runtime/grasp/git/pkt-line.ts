/**
 * Git's pkt-line framing (gitprotocol-common): four hex digits of length, then the bytes.
 * @module
 */

/** Longest packet, its length included, in bytes. */
export const MAX_PACKET_BYTES = 65_520;
const FLUSH = "0000";
const encoder = new TextEncoder();

/** One packet: its bytes, or a flush. */
export type Packet = Uint8Array | "flush";

/** A packet that a text ends with a line feed. */
export function textPacket(text: string): Uint8Array {
  return dataPacket(encoder.encode(`${text}\n`));
}

/** @throws {RangeError} if the bytes do not fit into one packet. */
export function dataPacket(bytes: Uint8Array): Uint8Array {
  const length = bytes.length + 4;
  if (length > MAX_PACKET_BYTES) throw new RangeError(`a packet of ${length} bytes is too long`);
  const packet = new Uint8Array(length);
  packet.set(encoder.encode(length.toString(16).padStart(4, "0")));
  packet.set(bytes, 4);
  return packet;
}

/** The bytes `0000`. */
export function flushPacket(): Uint8Array {
  return encoder.encode(FLUSH);
}

/** The bytes of a side-band (gitprotocol-pack), in packets as long as may be. @param band 1: data, 2: progress, 3: error */
export function* sideBand(band: 1 | 2 | 3, bytes: Uint8Array): Generator<Uint8Array> {
  const room = MAX_PACKET_BYTES - 5;
  for (let start = 0; start < bytes.length; start += room) {
    const part = bytes.subarray(start, start + room);
    const body = new Uint8Array(part.length + 1);
    body[0] = band;
    body.set(part, 1);
    yield dataPacket(body);
  }
}

/** The bytes of several packets, one after the other. */
export function joinPackets(packets: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(packets.reduce((sum, packet) => sum + packet.length, 0));
  let at = 0;
  for (const packet of packets) {
    whole.set(packet, at);
    at += packet.length;
  }
  return whole;
}

/** Thrown where bytes are no pkt-lines. */
export class PktLineError extends Error {
  override readonly name = "PktLineError";
}

/**
 * Reads pkt-lines up to the first flush.
 * @param bytes the beginning of a stream.
 * @param maxBytes of the lines and the flush together.
 * @returns the packets and the place behind the flush; `null`: more bytes are needed.
 * @throws {PktLineError} for lengths 1 to 3, over {@link MAX_PACKET_BYTES}, or more than `maxBytes`.
 */
export function readUntilFlush(
  bytes: Uint8Array,
  maxBytes: number,
): { packets: Uint8Array[]; end: number } | null {
  const packets: Uint8Array[] = [];
  for (let at = 0; ; ) {
    if (at + 4 > maxBytes) throw new PktLineError(`the list is longer than ${maxBytes} bytes`);
    if (at + 4 > bytes.length) return null;
    const length = lengthAt(bytes, at);
    if (length === 0) return { packets, end: at + 4 };
    if (length < 4) throw new PktLineError("a special packet has no place in a list");
    if (length > MAX_PACKET_BYTES)
      throw new PktLineError(`a packet is longer than ${MAX_PACKET_BYTES} bytes`);
    if (at + length > maxBytes) throw new PktLineError(`the list is longer than ${maxBytes} bytes`);
    if (at + length > bytes.length) return null;
    packets.push(bytes.subarray(at + 4, at + length));
    at += length;
  }
}

/** The packets up to the first flush, the first fault, or the end of the bytes. */
export function wholePackets(bytes: Uint8Array): Uint8Array[] {
  const packets: Uint8Array[] = [];
  try {
    for (let at = 0; at + 4 <= bytes.length; ) {
      const length = lengthAt(bytes, at);
      if (length < 4 || length > MAX_PACKET_BYTES || at + length > bytes.length) break;
      packets.push(bytes.subarray(at + 4, at + length));
      at += length;
    }
  } catch (error) {
    if (!(error instanceof PktLineError)) throw error;
  }
  return packets;
}

/** Gathers bytes until their pkt-lines end with a flush, looking at each byte a bounded number of times. */
export class UntilFlush {
  readonly #maxBytes: number;
  #buffer = new Uint8Array(1024);
  #length = 0;
  /** Where the next packet begins. */
  #at = 0;

  /** @param maxBytes of the lines and the flush together. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** All bytes so far. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /**
   * Adds bytes.
   * @returns whether the flush is there.
   * @throws {PktLineError} as {@link readUntilFlush}
   */
  add(bytes: Uint8Array): boolean {
    this.#append(bytes);
    while (this.#at + 4 <= this.#length) {
      const length = lengthAt(this.#buffer, this.#at);
      if (length === 0) return true;
      if (length < 4) throw new PktLineError("a special packet has no place in a list");
      this.#at += length;
      if (this.#at + 4 > this.#maxBytes)
        throw new PktLineError(`the list is longer than ${this.#maxBytes} bytes`);
    }
    return false;
  }

  #append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#buffer.length));
      larger.set(this.bytes);
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
  }
}

/** The length that four hex digits tell. @throws {PktLineError} if they are none */
export function lengthAt(bytes: Uint8Array, at: number): number {
  let length = 0;
  for (let i = at; i < at + 4; i++) {
    const digit = hexDigit(bytes[i]!);
    if (digit === -1) throw new PktLineError("a packet does not begin with four hex digits");
    length = length * 16 + digit;
  }
  return length;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}
