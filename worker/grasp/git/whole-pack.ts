/**
 * A pack that has exactly what some ids need. A clone that wants these ids gets it as it is in the repository: no process counts and
 * packs its objects, and its bytes are copied nowhere (G32, G33).
 *
 * The repository remembers it by a file. What the file says stays true, because a pack is named after its bytes.
 * @module
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { type FileHandle, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { frame, framedBytes, PACKET_DATA_BYTES, packStart } from "../../../runtime/grasp/git/pack-answer.ts";
import { flushPacket } from "../../../runtime/grasp/git/pkt-line.ts";
import type { Source } from "./client-stream.ts";
import { joined } from "./free.ts";
import { BrokenOff } from "./spool.ts";

/** In the repository's folder: the name of the pack, and the ids that need it. */
const NOTE = "millrace-whole";
/** Packets of one piece: their bytes are read at once (G41). */
const PIECE_PACKETS = 2;

/** Pieces whose memory is waited for; that of others is the collector's. */
const MAX_LENT = 4;

/** Remembers a pack. @param ids it has exactly what these need */
export async function rememberWhole(repository: string, pack: string, ids: Iterable<string>): Promise<void> {
  // Without it, for example because the disk is full, Git makes the answers.
  await writeFile(join(repository, NOTE), noteOf(pack, ids)).catch(() => {});
}

/** Whether this is what is remembered. */
export async function isRemembered(
  repository: string,
  pack: string,
  ids: Iterable<string>,
): Promise<boolean> {
  return (await noteIn(repository)) === noteOf(pack, ids);
}

/** A pack in a repository, open. */
export interface OpenPack {
  readonly file: FileHandle;
  readonly bytes: number;
}

/** Opens the pack that has exactly what some ids need; `null`: none is known, or it is gone. */
export async function openWholePack(repository: string, ids: readonly string[]): Promise<OpenPack | null> {
  const note = await noteIn(repository);
  const pack = /^(pack-[0-9a-f]{40}) /.exec(note)?.[1];
  if (pack === undefined || note !== noteOf(pack, ids)) return null;
  const path = join(repository, "objects/pack", pack);
  // Without its index it is no pack for Git (N26).
  if (!existsSync(`${path}.idx`)) return null;
  let file: FileHandle;
  try {
    file = await open(`${path}.pack`);
  } catch {
    return null;
  }
  return { file, bytes: (await file.stat()).size };
}

/** Memory of a piece, and at which byte of the answer the piece ends. */
interface Lent {
  readonly memory: Buffer;
  readonly end: number;
}

/**
 * The answer to a clone: a pack in the packets of a side-band. It closes the pack.
 * @param sent bytes of the answer that are out of this process. The memory of pieces is used again then: without that a process grows
 * by 60 MiB until it collects (V8). Default: not known, each piece has memory of its own
 */
export function packSource(
  { file, bytes }: OpenPack,
  version: 0 | 1 | 2,
  sent: (() => number) | null = null,
): Source & { readonly bytes: number } {
  const start = packStart(version);
  const end = flushPacket();
  const memoryBytes = start.length + framedBytes(PIECE_PACKETS * PACKET_DATA_BYTES) + end.length;
  /** Pieces that were handed out, oldest first. */
  const lent: Lent[] = [];
  let given = 0;
  let at = 0;
  let isClosed = false;
  return {
    bytes: start.length + framedBytes(bytes) + end.length,
    async next() {
      if (at === bytes) return null;
      const length = Math.min(bytes - at, PIECE_PACKETS * PACKET_DATA_BYTES);
      const before = at === 0 ? start : NOTHING;
      const after = at + length === bytes ? end : NOTHING;
      const framed = framedBytes(length);
      const isBack = sent !== null && lent.length > 0 && sent() >= lent[0]!.end;
      const memory = isBack ? lent.shift()!.memory : Buffer.allocUnsafeSlow(memoryBytes);
      const piece = memory.subarray(0, before.length + framed + after.length);
      const packets = piece.subarray(before.length, before.length + framed);
      await readFully(file, packets.subarray(framed - length), at);
      frame(packets, length);
      piece.set(before, 0);
      piece.set(after, before.length + framed);
      at += length;
      given += piece.length;
      if (sent !== null) lent.push({ memory, end: given });
      if (lent.length > MAX_LENT) lent.shift();
      return piece;
    },
    close() {
      if (!isClosed) void file.close();
      isClosed = true;
    },
  };
}

/** All bytes of a short answer. */
export async function allOf(source: Source): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let piece = await source.next(); piece !== null; piece = await source.next()) pieces.push(piece);
  return joined(pieces);
}

const NOTHING = new Uint8Array();

async function readFully(file: FileHandle, into: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) throw new BrokenOff("a pack is shorter than it was");
    done += bytesRead;
  }
}

/** What is remembered; empty: nothing. */
function noteIn(repository: string): Promise<string> {
  return readFile(join(repository, NOTE), "latin1").catch(() => "");
}

function noteOf(pack: string, ids: Iterable<string>): string {
  const sorted = [...new Set(ids)].sort();
  return `${pack} ${createHash("sha256").update(sorted.join("\n")).digest("hex")}\n`;
}
