/**
 * Folders of repositories, by owner and identifier: those in service, those that are held (R35, R59), and unclaimed uploads (A29).
 * @module
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { contributorOf, contributorsOwner } from "../../runtime/grasp/contributor.ts";
import { isHex64 } from "../../runtime/grasp/events/event.ts";
import { fromNpub, toNpub } from "../../runtime/grasp/npub.ts";

/** In a held repository: until when it is held, in milliseconds since the epoch. */
const UNTIL = "millrace-held-until";

/** A repository's place. */
interface Named {
  readonly owner: string;
  readonly identifier: string;
  readonly path: string;
}

/** The folder of an owner's repositories: `<npub>`, or `prs/<hex key>` for a contributor's (X10). */
export function ownerFolder(owner: string): string {
  return contributorOf(owner) === null ? toNpub(owner) : owner;
}

/** The folders `<npub>/<identifier>.git` and `prs/<hex key>/<identifier>.git` below a folder. Others are not ours and are left alone. */
export async function repositoriesBelow(folder: string): Promise<Named[]> {
  const found: Named[] = [];
  for (const owner of await ownersBelow(folder)) {
    const own = join(folder, ownerFolder(owner));
    for (const name of await namesIn(own)) {
      if (!name.endsWith(".git")) continue;
      found.push({ owner, identifier: name.slice(0, -4), path: join(own, name) });
    }
  }
  return found;
}

/** The owners who have a folder below a folder. */
export async function ownersBelow(folder: string): Promise<string[]> {
  const owners = (await namesIn(folder)).flatMap((name) => fromNpub(name) ?? []);
  const contributors = (await namesIn(join(folder, "prs"))).filter(isHex64).map(contributorsOwner);
  return [...owners, ...contributors];
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
