/**
 * A part of the objects of a quarantine, as a pack of its own (A32).
 * @module
 */
import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { discardFolder } from "./discard.ts";
import { runGit, startGit } from "./process.ts";

/** Bytes of a pack without objects: header and hash. */
const EMPTY_PACK_BYTES = 32;

/** Where the objects are. */
export interface PartPlaces {
  /** The quarantine's folder. */
  readonly quarantine: string;
  /** The repository's folder. */
  readonly repository: string;
  /** Where a folder for the part is made. */
  readonly quarantines: string;
  readonly home: string;
}

/** A part: a folder as that of a quarantine. */
export interface Part {
  readonly folder: string;
  /** Bytes of its pack; 0: it needed no objects. */
  readonly bytes: number;
  readonly objects: number;
}

/**
 * Packs what some ids need and others do not.
 * @param ids object ids.
 * @param without ids of objects that are here already, or come by another way.
 * @throws {Error} if an object is missing.
 */
export async function packPart(
  ids: readonly string[],
  without: readonly string[],
  places: PartPlaces,
): Promise<Part> {
  const folder = join(places.quarantines, randomUUID());
  try {
    await packInto(folder, ids, without, places);
    return { folder, ...(await sizeOf(folder)) };
  } catch (error) {
    await discardFolder(folder);
    throw error;
  }
}

async function packInto(
  folder: string,
  ids: readonly string[],
  without: readonly string[],
  { quarantine, repository, home }: PartPlaces,
): Promise<void> {
  await mkdir(join(folder, "pack"), { recursive: true });
  const env = {
    GIT_OBJECT_DIRECTORY: quarantine,
    GIT_ALTERNATE_OBJECT_DIRECTORIES: join(repository, "objects"),
  };
  const packing = startGit(["pack-objects", "--stdout", "--revs", "-q"], { home, repository, env });
  try {
    packing.stdin.end([...ids, ...without.map((id) => `^${id}`)].map((line) => `${line}\n`).join(""));
    const chunks: Buffer[] = [];
    let bytes = 0;
    const start: AsyncIterator<Buffer> = packing.stdout[Symbol.asyncIterator]();
    while (bytes <= EMPTY_PACK_BYTES) {
      const { value, done } = await start.next();
      if (done) break;
      chunks.push(value);
      bytes += value.length;
    }
    if (bytes > EMPTY_PACK_BYTES) {
      const into = { home, repository, env: { GIT_OBJECT_DIRECTORY: folder } };
      const { code, stderr } = await runGit(["index-pack", "--stdin"], into, withRest(chunks, start));
      if (code !== 0) throw new Error(`git index-pack ended with ${code}: ${stderr.slice(0, 500)}`);
    }
    const code = await packing.finished;
    if (code !== 0) throw new Error(`git pack-objects ended with ${code}`);
  } finally {
    // It would wait for a reader that is gone.
    packing.kill();
  }
}

async function* withRest(chunks: readonly Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield* chunks;
  for (;;) {
    const { value, done } = await rest.next();
    if (done) return;
    yield value;
  }
}

/** Bytes and objects of a folder's packs. The number of objects is the last entry of an index's fan-out. */
async function sizeOf(folder: string): Promise<{ bytes: number; objects: number }> {
  let bytes = 0;
  let objects = 0;
  for (const name of await readdir(join(folder, "pack"))) {
    const path = join(folder, "pack", name);
    if (name.endsWith(".pack")) bytes += (await stat(path)).size;
    if (!name.endsWith(".idx")) continue;
    const file = await open(path);
    try {
      const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 8 + 255 * 4);
      objects += buffer.readUInt32BE(0);
    } finally {
      await file.close();
    }
  }
  return { bytes, objects };
}
