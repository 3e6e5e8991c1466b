/**
 * The index of a pack (gitformat-pack, version 2): how many objects it has, and which of them are large in the pack.
 * @module
 */
import { type FileHandle, open, stat } from "node:fs/promises";

const FAN_OUT_AT = 8;
const IDS_AT = FAN_OUT_AT + 256 * 4;
const ID_BYTES = 20;
const CRC_BYTES = 4;
/** Offsets with this bit are places in the table of long offsets. */
const LONG = 0x80000000;

/**
 * Reads an index.
 * @param path of pack and index, without their extensions.
 * @param largeBytes objects that take more bytes of the pack than this are told.
 */
export async function readPackIndex(
  path: string,
  largeBytes: number,
): Promise<{ objects: number; large: string[] }> {
  const { size: packBytes } = await stat(`${path}.pack`);
  const file = await open(`${path}.idx`);
  try {
    const objects = (await part(file, IDS_AT - 4, 4)).readUInt32BE(0);
    const large = packBytes <= largeBytes ? [] : await largeObjects(file, objects, packBytes, largeBytes);
    return { objects, large };
  } finally {
    await file.close();
  }
}

async function largeObjects(file: FileHandle, objects: number, packBytes: number, largeBytes: number) {
  const offsets = await readOffsets(file, objects);
  const sorted = offsets.slice().sort();
  const large = new Set<number>();
  for (const [n, offset] of sorted.entries()) {
    if ((sorted[n + 1] ?? packBytes) - offset > largeBytes) large.add(offset);
  }
  const ids: string[] = [];
  if (large.size === 0) return ids;
  for (const [n, offset] of offsets.entries()) {
    if (large.has(offset)) ids.push((await part(file, IDS_AT + n * ID_BYTES, ID_BYTES)).toString("hex"));
  }
  return ids;
}

/** Where each object begins in the pack, in the order of the ids. */
async function readOffsets(file: FileHandle, objects: number): Promise<Float64Array> {
  const shortAt = IDS_AT + objects * (ID_BYTES + CRC_BYTES);
  const short = await part(file, shortAt, objects * 4);
  const offsets = new Float64Array(objects);
  const long: number[] = [];
  for (let n = 0; n < objects; n++) {
    offsets[n] = short.readUInt32BE(n * 4);
    if (offsets[n]! >= LONG) long.push(n);
  }
  for (const n of long) {
    const at = shortAt + objects * 4 + (offsets[n]! - LONG) * 8;
    offsets[n] = Number((await part(file, at, 8)).readBigUInt64BE(0));
  }
  return offsets;
}

/** @throws {RangeError} if the file ends before */
async function part(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
  if (bytesRead < length) throw new RangeError("the index of a pack breaks off");
  return buffer;
}
