/**
 * Folders of repositories, by owner and identifier: those in service, those that are held (R35, R59), and unclaimed uploads (A29).
 * @module
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fromNpub } from "../../runtime/grasp/npub.ts";

/** In a held repository: until when it is held, in milliseconds since the epoch. */
const UNTIL = "millrace-held-until";

/** A repository's place. */
interface Named {
  readonly owner: string;
  readonly identifier: string;
  readonly path: string;
}

/** The folders `<npub>/<identifier>.git` below a folder. Others are not ours and are left alone. */
export async function repositoriesBelow(folder: string): Promise<Named[]> {
  const found: Named[] = [];
  for (const npub of await namesIn(folder)) {
    const owner = fromNpub(npub);
    if (owner === null) continue;
    for (const name of await namesIn(join(folder, npub))) {
      if (!name.endsWith(".git")) continue;
      found.push({ owner, identifier: name.slice(0, -4), path: join(folder, npub, name) });
    }
  }
  return found;
}

/** Moves a repository to where it is held. */
export async function hold(path: string, heldPath: string, untilMs: number): Promise<void> {
  await writeFile(join(path, UNTIL), String(Math.round(untilMs)));
  await moveTo(path, heldPath);
}

/** Brings a held repository back. @returns whether there was one */
export async function restoreHeld(heldPath: string, path: string): Promise<boolean> {
  if ((await untilOf(heldPath)) === null) return false;
  await moveTo(heldPath, path);
  await rm(join(path, UNTIL), { force: true });
  return true;
}

/** Deletes the held repositories whose time is over. */
export async function deleteHeld(folder: string, nowMs: number): Promise<void> {
  for (const { path } of await repositoriesBelow(folder)) {
    const untilMs = await untilOf(path);
    if (untilMs !== null && untilMs <= nowMs) await rm(path, { recursive: true, force: true });
  }
}

/** Every held repository. */
export async function listHeld(
  folder: string,
): Promise<{ owner: string; identifier: string; untilMs: number }[]> {
  const found = [];
  for (const { owner, identifier, path } of await repositoriesBelow(folder)) {
    const untilMs = await untilOf(path);
    if (untilMs !== null) found.push({ owner, identifier, untilMs });
  }
  return found;
}

async function untilOf(path: string): Promise<number | null> {
  try {
    return Number(await readFile(join(path, UNTIL), "utf8"));
  } catch {
    return null;
  }
}

async function moveTo(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  await rm(to, { recursive: true, force: true });
  await rename(from, to);
}

export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
