/**
 * Files that only their owner may read and write.
 * @module
 */
import { chmodSync, closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

/**
 * Creates a file with mode 0600, and its missing folders with mode 0700, whatever the umask is. Where the file is there
 * already, it and the files beside it lose the permissions of group and others.
 * @param beside suffixes of files that a library keeps beside it, such as `-wal`.
 * @throws {Error} of the file system, if the file can neither be created nor changed.
 */
export function makePrivate(file: string, beside: readonly string[] = []): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    // Only a new file is opened here: to close an open database file would end SQLite's locks on it (POSIX).
    closeSync(openSync(file, "wx", OWNER_ONLY));
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") throw error;
    for (const name of [file, ...beside.map((suffix) => file + suffix)]) restrict(name);
  }
}

function restrict(name: string): void {
  const found = statSync(name, { throwIfNoEntry: false });
  if (found?.isFile() && (found.mode & OTHERS) !== 0) chmodSync(name, found.mode & ~OTHERS & 0o777);
}
