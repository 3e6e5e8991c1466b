/**
 * Whether the file system takes names that differ only in case or Unicode form for one (R27, A46).
 * @module
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A name, and others that a file system may take for it. */
const NAME = "Caf\u00e9";
const OTHERS = [NAME.toLowerCase(), NAME.normalize("NFD")];

/**
 * Tries it.
 * @param folder an existing folder, where nothing is left behind.
 * @param exists whether there is a file of a name. Default: the file system's answer
 */
export function foldsNames(folder: string, exists: (path: string) => boolean = existsSync): boolean {
  const own = mkdtempSync(join(folder, ".names-"));
  try {
    writeFileSync(join(own, NAME), "");
    return OTHERS.some((other) => exists(join(own, other)));
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}
