/**
 * The answer to a clone, around the bytes of its pack (gitprotocol-v2, gitprotocol-pack): how it starts, and the packets of the
 * side-band.
 * @module
 */
import { MAX_PACKET_BYTES, textPacket } from "./pkt-line.ts";

/** Length and band in front of the bytes of a packet. */
const HEAD_BYTES = 5;
/** Bytes of a pack in one packet, at most. */
export const PACKET_DATA_BYTES = MAX_PACKET_BYTES - HEAD_BYTES;
const DATA_BAND = 1;
const encoder = new TextEncoder();

/** What precedes a pack: in version 2 its section, before that the answer to "done" of a client that has nothing. */
export function packStart(version: 0 | 1 | 2): Uint8Array {
  return textPacket(version === 2 ? "packfile" : "NAK");
}

/** How many bytes of a pack take in packets. */
export function framedBytes(bytes: number): number {
  return bytes + HEAD_BYTES * Math.ceil(bytes / PACKET_DATA_BYTES);
}

/**
 * Makes packets of bytes, in place.
 * @param buffer of {@link framedBytes} of the bytes, which are at its end.
 */
export function frame(buffer: Uint8Array, bytes: number): void {
  let from = buffer.length - bytes;
  for (let to = 0; from < buffer.length; ) {
    const length = Math.min(PACKET_DATA_BYTES, buffer.length - from);
    buffer.copyWithin(to + HEAD_BYTES, from, from + length);
    encoder.encodeInto((length + HEAD_BYTES).toString(16).padStart(4, "0"), buffer.subarray(to));
    buffer[to + 4] = DATA_BAND;
    to += HEAD_BYTES + length;
    from += length;
  }
}
