/**
 * What a crash leaves in a repository (N25, N27): lock files of Git, refs that are empty or unreadable, a `shallow` file.
 * @module
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { filesBelow } from "./files-below.ts";

/** Files that a repository has only after a crash. */
const LEFT: ReadonlySet<string> = new Set([
  "HEAD.lock",
  "packed-refs.lock",
  "packed-refs.new",
  "config.lock",
  "shallow",
  "shallow.lock",
]);
const LOOSE_REF = /^(?:[0-9a-f]{40}|ref: refs\/\S.*)\n?$/;
const HEAD = /^ref: refs\/heads\/\S.*\n?$/;

/**
 * Removes what a crash left. Nothing else may use the repository meanwhile.
 *
 * It looks at a few small files without waiting for a thread: a start does this for every repository, and the way to a thread and back
 * takes ten times as much processor time as the look.
 * @param path the bare repository's folder.
 * @returns the files that were found, relative to the folder.
 */
export function heal(path: string): string[] {
  const found: string[] = [];
  const remove = (file: string) => {
    rmSync(file, { force: true });
    found.push(relative(path, file));
  };
  for (const name of readdirSync(path)) if (LEFT.has(name)) remove(join(path, name));
  const head = `${path}/HEAD`;
  if (!HEAD.test(textOf(head) ?? "")) {
    // The next alignment sets the branch.
    writeFileSync(head, "ref: refs/heads/main\n");
    found.push("HEAD");
  }
  for (const file of filesBelow(`${path}/refs`))
    if (file.endsWith(".lock") || !LOOSE_REF.test(textOf(file) ?? "")) remove(file);
  return found;
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
