/**
 * The mark of a repository whose unreachable objects go at the next maintenance (N23): a PR was deleted, or its author vanished.
 * @module
 */
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const MARK = "millrace-forget";

/** Marks a repository. It is on the disk afterwards. */
export function forget(path: string): Promise<void> {
  return writeFile(join(path, MARK), "", { flush: true });
}

export function isToForget(path: string): boolean {
  return existsSync(join(path, MARK));
}

export function hasForgotten(path: string): Promise<void> {
  return rm(join(path, MARK), { force: true });
}
