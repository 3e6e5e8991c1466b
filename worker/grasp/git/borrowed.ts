/**
 * Objects that a repository borrows from another folder. Ours never do; those of ngit-grasp 3 share one store an identifier, and a copy of
 * its data has that store in `.grasp` (O19). What may not be read is not in the repository (decision 8), so that a repository takes the
 * objects of its refs for its own, and borrows nothing from then on.
 * @module
 */
import { existsSync } from "node:fs";
import { readFile, rename, rm } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { GitRunner } from "./runner.ts";

/** Where Git reads which folders a repository borrows from. */
export const ALTERNATES = join("objects", "info", "alternates");
/** Where the list of folders is while their objects are not here. Git does not read it, so that a look at the repository tells what is missing. */
export const STILL_BORROWED = join("objects", "info", "alternates.millrace");
/** Where ngit-grasp has its shared stores, below the folder of all repositories. */
const SHARED = "/.grasp/";
/** Git splits the variable with the folders at colons. */
const SEPARATOR = ":";

/** How {@link ownBorrowed} ended. `failed`: the folders are there and Git could not copy; the next call tries again. */
export type Borrowed = "none" | "owned" | "failed";

/**
 * Makes a repository independent of others. Nothing else may use it meanwhile. Objects that are not found are missing afterwards, and
 * if Git fails, all that are borrowed.
 * @param path the bare repository's folder, `<all repositories>/<npub>/<identifier>.git`.
 * @param git runs Git in it.
 */
export async function ownBorrowed(path: string, git: GitRunner): Promise<Borrowed> {
  const kept = join(path, STILL_BORROWED);
  if (existsSync(join(path, ALTERNATES))) await rename(join(path, ALTERNATES), kept);
  if (!existsSync(kept)) return "none";
  const folders = (await readFile(kept, "utf8"))
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => copyOf(isAbsolute(line) ? line : resolve(path, "objects", line), dirname(dirname(path))))
    .filter((folder) => !folder.includes(SEPARATOR) && existsSync(folder));
  // Without `--local`, a repack copies what is borrowed. What no ref leads to stays behind.
  const { code } = await git(["repack", "-a", "-d", "-q"], "", {
    env: { GIT_ALTERNATE_OBJECT_DIRECTORIES: folders.join(SEPARATOR) },
  });
  // A full disk, for example. Without the list, the next start could not copy the objects.
  if (code !== 0 && folders.length > 0) return "failed";
  await rm(kept, { force: true });
  return "owned";
}

/** A shared store that was copied together with the repositories is below their folder now. */
function copyOf(folder: string, repositories: string): string {
  const at = folder.lastIndexOf(SHARED);
  if (at === -1) return folder;
  const copy = join(repositories, folder.slice(at));
  return existsSync(copy) ? copy : folder;
}
