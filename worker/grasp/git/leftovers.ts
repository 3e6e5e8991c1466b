/**
 * Temporary files and locks that killed Git processes left among a repository's objects (O33).
 * @module
 */
import { rm, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { filesBelow } from "./files-below.ts";

const LEFTOVER = /^\.?tmp[_-]|\.(?:lock|tmp|keep)$/;

/** What was removed. */
export interface Leftovers {
  /** Relative to the repository's folder. */
  readonly files: readonly string[];
  readonly bytes: number;
  /** Whether there are other files among the objects: without any, the repository has no object of its own. */
  readonly hasOthers: boolean;
}

/**
 * Removes them. No Git process may write into the repository meanwhile: packs that arrive are written elsewhere, so that is
 * maintenance alone.
 * @param path the bare repository's folder.
 */
export async function removeLeftovers(path: string): Promise<Leftovers> {
  const files: string[] = [];
  let bytes = 0;
  let hasOthers = false;
  for (const file of filesBelow(join(path, "objects"))) {
    if (!LEFTOVER.test(file.slice(file.lastIndexOf("/") + 1))) {
      hasOthers = true;
      continue;
    }
    bytes += (await stat(file)).size;
    await rm(file, { force: true });
    files.push(relative(path, file));
  }
  return { files, bytes, hasOthers };
}
