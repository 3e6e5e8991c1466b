/**
 * Temporary files and locks that killed Git processes left among a repository's objects (O33).
 * @module
 */
import { readdir, rm, stat } from "node:fs/promises";
import { join, relative } from "node:path";

const LEFTOVER = /^\.?tmp[_-]|\.(?:lock|tmp|keep)$/;

/** What was removed. */
export interface Leftovers {
  /** Relative to the repository's folder. */
  readonly files: readonly string[];
  readonly bytes: number;
}

/**
 * Removes them. No Git process may write into the repository meanwhile: packs that arrive are written elsewhere, so that is
 * maintenance alone.
 * @param path the bare repository's folder.
 */
export async function removeLeftovers(path: string): Promise<Leftovers> {
  const objects = join(path, "objects");
  const files: string[] = [];
  let bytes = 0;
  for (const entry of await readdir(objects, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !LEFTOVER.test(entry.name)) continue;
    const file = join(entry.parentPath, entry.name);
    bytes += (await stat(file)).size;
    await rm(file, { force: true });
    files.push(relative(path, file));
  }
  return { files, bytes };
}
