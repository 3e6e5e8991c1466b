import { chmodSync, closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

/**
 * Makes sure that only the owner may read and write a file. A new file gets mode 0600 and missing folders mode 0700, for any
 * umask. An existing file, and its companion files, lose the permissions of group and others.
 * @param companions suffixes of files that a library creates next to it, such as `-wal`.
 * @throws {Error} of the file system, if the file can neither be created nor changed.
 */
export function makePrivate(file: string, companions: readonly string[] = []): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    // An existing file is not opened: on POSIX, closing any handle of a database file releases SQLite's locks on it.
    closeSync(openSync(file, "wx", OWNER_ONLY));
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") throw error;
    for (const name of [file, ...companions.map((suffix) => file + suffix)]) restrict(name);
  }
}

function restrict(name: string): void {
  const found = statSync(name, { throwIfNoEntry: false });
  if (found?.isFile() && (found.mode & OTHERS) !== 0) chmodSync(name, found.mode & ~OTHERS & 0o777);
}
