/**
 * Folders of repositories, by owner and identifier: those in service, those that are held (R35, R59), and unclaimed uploads (A29).
 * @module
 */
import { existsSync, readdirSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { contributorOf, contributorsOwner } from "../../runtime/grasp/contributor.ts";
import { isHex64 } from "../../runtime/grasp/events/event.ts";
import { fromNpub, toNpub } from "../../runtime/grasp/npub.ts";

/** In a held repository: until when it is held, in milliseconds since the epoch. */
const UNTIL = "millrace-held-until";

/** How often a move into an owner's folder is tried. */
const ATTEMPTS = 5;

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

/** How many owners' folders are read before others have a turn. */
const OWNERS_A_TURN = 100;

/** The folders `<npub>/<identifier>.git` and `prs/<hex key>/<identifier>.git` below a folder. Others are not ours and are left alone. */
export async function repositoriesBelow(folder: string): Promise<Named[]> {
  const found: Named[] = [];
  for (const [n, owner] of (await ownersBelow(folder)).entries()) {
    if (n % OWNERS_A_TURN === 0) await nextTurn();
    const own = join(folder, ownerFolder(owner));
    for (const name of namesInNow(own)) {
      if (!name.endsWith(".git")) continue;
      found.push({ owner, identifier: name.slice(0, -4), path: `${own}/${name}` });
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
    if (untilMs !== null && untilMs <= nowMs) await dropHeld(path);
  }
}

/** Deletes one held repository. */
export async function dropHeld(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await removeEmpty(dirname(path));
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
  await rm(to, { recursive: true, force: true });
  for (let attempt = 1; ; attempt++) {
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    try {
      await rename(from, to);
      break;
    } catch (error) {
      // The end of another repository of the owner removed the folder, which was empty until now.
      const isGone = (error as NodeJS.ErrnoException).code === "ENOENT" && existsSync(from);
      if (!isGone || attempt === ATTEMPTS) throw error;
    }
  }
  await removeEmpty(dirname(from));
}

/** Removes an owner's folder if it is empty: anybody may cause one, with any key (T13). */
export async function removeEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST" && error.code !== "ENOENT") throw error;
  });
}

export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** As {@link namesIn}, without the way to a thread and back: for folders of which there are many. */
function namesInNow(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
