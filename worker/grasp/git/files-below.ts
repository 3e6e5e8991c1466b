/**
 * The files of a folder and of all folders in it.
 * @module
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** The paths of plain files below a folder. Links are not followed. */
export function filesBelow(folder: string): string[] {
  const files: string[] = [];
  const pending = [folder];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) pending.push(join(path, entry.name));
      else if (entry.isFile()) files.push(join(path, entry.name));
    }
  }
  return files;
}
