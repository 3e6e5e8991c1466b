/**
 * One process at a time uses a data directory (O3).
 * @module
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StartError } from "../../serve/start-error.ts";

/** A data directory that is ours. */
export interface DataLock {
  release(): void;
}

/**
 * Locks a data directory. SQLite takes the lock of the operating system on the file `lock`, which ends with the process, however
 * that ends: no lock can be stale. The file stays empty.
 * @throws {StartError} if another process has it.
 */
export function lockData(directory: string): DataLock {
  const path = join(directory, "lock");
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(path);
  } catch (cause) {
    throw new StartError(`cannot open ${path}: ${(cause as Error).message}`, { cause });
  }
  try {
    database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    const isTaken = /locked|busy/.test(String(cause));
    const reason = isTaken ? "another process uses it; end that first" : (cause as Error).message;
    throw new StartError(`cannot use the data directory ${directory}: ${reason}`, { cause });
  }
  return { release: () => database.close() };
}
