/**
 * The files of a folder and of all folders in it.
 * @module
 */
import { readdirSync } from "node:fs";

/** The paths of plain files below a folder. Links are not followed. */
export function filesBelow(folder: string): string[] {
  const files: string[] = [];
  const pending = [folder];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      // Not by `join`, which takes longer than the look: a start looks at every repository.
      const child = `${path}/${entry.name}`;
      if (entry.isDirectory()) pending.push(child);
      else if (entry.isFile()) files.push(child);
    }
  }
  return files;
}
