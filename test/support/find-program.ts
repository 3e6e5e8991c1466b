import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import which from "which";

/** Folders that are often missing from PATH. */
const MORE_FOLDERS = ["/usr/sbin", join(homedir(), ".cargo/bin")];

/**
 * Finds a program.
 * @param variable environment variable that names the program's file in place of a search of PATH.
 * @returns its file; `null` if it is not on this machine.
 */
export function findProgram(name: string, variable?: string): string | null {
  const named = variable === undefined ? undefined : process.env[variable];
  if (named !== undefined) return executable(named);
  const path = [process.env.PATH ?? "", ...MORE_FOLDERS].join(delimiter);
  return which.sync(name, { nothrow: true, path });
}

/** The file itself, if this process may execute it. */
export function executable(path: string): string | null {
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return null;
  }
}
