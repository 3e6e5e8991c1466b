/**
 * The packs of a repository, and their exchange for others (O22, N26).
 * @module
 */
import { existsSync, readdirSync } from "node:fs";
import { open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { readPackIndex } from "./pack-index.ts";

/** A pack. */
export interface PackFile {
  /** Without its extension. */
  readonly name: string;
  readonly objects: number;
  readonly bytes: number;
  /** Since when the objects of a pack of unreachable ones are that, in seconds since the epoch; `null`: it is no such pack. */
  readonly since: { readonly oldest: number } | null;
}

/** The order in which files of a pack come: Git sees a pack by its index, and what kind it is by its times. */
const ORDER = [".pack", ".rev", ".mtimes", ".idx"];
const TIMES_AT = 12;
const TRAILER_BYTES = 40;

/** Every pack that has its index. @param objects a folder of objects */
export async function packsIn(objects: string): Promise<PackFile[]> {
  const folder = join(objects, "pack");
  const packs: PackFile[] = [];
  for (const file of await readdir(folder)) {
    if (!file.endsWith(".idx")) continue;
    const name = file.slice(0, -".idx".length);
    const { objects: count } = await readPackIndex(join(folder, name), Number.POSITIVE_INFINITY);
    const { size } = await stat(join(folder, `${name}.pack`));
    packs.push({ name, objects: count, bytes: size, since: await sinceOf(join(folder, `${name}.mtimes`)) });
  }
  return packs;
}

/** Whether a repository has any object: a pack with its index, or a loose one. */
export function hasObjects(path: string): boolean {
  const isPlain = (name: string) => name === "pack" || name === "info";
  if (readdirSync(join(path, "objects")).some((name) => !isPlain(name))) return true;
  return readdirSync(join(path, "objects/pack")).some((name) => name.endsWith(".idx"));
}

/** The times of a pack of unreachable objects (gitformat-pack): 4 bytes for each. */
async function sinceOf(file: string): Promise<PackFile["since"]> {
  if (!existsSync(file)) return null;
  const bytes = await readFile(file);
  let oldest = Number.POSITIVE_INFINITY;
  for (let at = TIMES_AT; at + 4 <= bytes.length - TRAILER_BYTES; at += 4)
    oldest = Math.min(oldest, bytes.readUInt32BE(at));
  return { oldest };
}

/** Objects in files of their own, relative to the folder of objects. */
export async function looseObjectsIn(objects: string): Promise<string[]> {
  const found: string[] = [];
  for (const part of await readdir(objects)) {
    if (!/^[0-9a-f]{2}$/.test(part)) continue;
    for (const name of await readdir(join(objects, part)))
      if (/^[0-9a-f]{38}$/.test(name)) found.push(join(part, name));
  }
  return found;
}

/** Dates packs and loose objects: Git takes a file's date for the time when its unreachable objects became that. */
export async function dateObjects(
  objects: string,
  packs: readonly PackFile[],
  loose: readonly string[],
  seconds: number,
): Promise<void> {
  for (const { name } of packs) await utimes(join(objects, "pack", `${name}.pack`), seconds, seconds);
  for (const file of loose) await utimes(join(objects, file), seconds, seconds);
}

/** Whether the packs and loose objects are these and no others. */
export async function hasOnly(
  objects: string,
  packs: readonly PackFile[],
  loose: readonly string[],
): Promise<boolean> {
  const now = (await packsIn(objects)).map(({ name }) => name);
  const before = new Set(packs.map(({ name }) => name));
  const looseNow = new Set(await looseObjectsIn(objects));
  const isSame = now.length === before.size && now.every((name) => before.has(name));
  return isSame && looseNow.size === loose.length && loose.every((file) => looseNow.has(file));
}

/**
 * Moves packs from one folder of objects to another, where they are on the disk afterwards (N25, N26).
 * @returns the names of the files
 */
export async function movePacks(from: string, to: string): Promise<string[]> {
  const placeOf = (name: string) => ORDER.findIndex((end) => name.endsWith(end));
  const names = (await readdir(join(from, "pack"))).filter((name) => placeOf(name) !== -1);
  names.sort((a, b) => placeOf(a) - placeOf(b));
  for (const name of names) await rename(join(from, "pack", name), join(to, "pack", name));
  if (names.length > 0) await syncFolder(join(to, "pack"));
  return names;
}

/**
 * Puts packs in the place of others. The index of all packs names them, so it goes first: Git then looks at each pack's own.
 * @param staged the folder of objects where the new ones are.
 * @param old names of packs, and files of loose objects, that go.
 */
export async function exchangePacks(
  objects: string,
  staged: string,
  old: { readonly packs: readonly string[]; readonly loose: readonly string[] },
): Promise<void> {
  const folder = join(objects, "pack");
  // On the disk before the old ones go (N25).
  const names = await movePacks(staged, objects);
  for (const file of await readdir(folder))
    if (file.startsWith("multi-pack-index")) await rm(join(folder, file), { force: true });
  const stay = new Set(names.map((name) => name.replace(/\.[a-z]+$/, "")));
  for (const name of old.packs) {
    if (stay.has(name)) continue;
    for (const end of [...ORDER].reverse().concat(".bitmap"))
      await rm(join(folder, name + end), { force: true });
  }
  for (const file of old.loose) await rm(join(objects, file), { force: true });
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
