/**
 * What a crash leaves in a repository (N25, N27): lock files of Git, refs that are empty or unreadable, a `shallow` file.
 * @module
 */
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";

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
 * @param path the bare repository's folder.
 * @returns the files that were found, relative to the folder.
 */
export async function heal(path: string): Promise<string[]> {
  const found: string[] = [];
  const remove = async (file: string) => {
    await rm(file, { force: true });
    found.push(relative(path, file));
  };
  for (const name of await readdir(path)) if (LEFT.has(name)) await remove(join(path, name));
  const head = join(path, "HEAD");
  if (!HEAD.test((await textOf(head)) ?? "")) {
    // The next alignment sets the branch.
    await writeFile(head, "ref: refs/heads/main\n");
    found.push("HEAD");
  }
  for (const entry of await readdir(join(path, "refs"), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    if (entry.name.endsWith(".lock") || !LOOSE_REF.test((await textOf(file)) ?? "")) await remove(file);
  }
  return found;
}

async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
