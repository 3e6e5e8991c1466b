/**
 * The database at the start: a damaged one stops it, and nothing is emptied (P33).
 * @module
 */
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { StartError } from "../../serve/start-error.ts";

/**
 * Checks the file of a database, if it is there.
 * @throws {StartError} saying what is wrong and what to do.
 */
export function checkDatabase(path: string): void {
  if (!existsSync(path)) return;
  const fault = faultOf(path);
  if (fault === null) return;
  throw new StartError(
    `the database ${path} is damaged: ${fault}. Nothing was changed. Restore it from a backup, or move it away to start empty`,
  );
}

function faultOf(path: string): string | null {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    const row = database.prepare("PRAGMA quick_check(1)").get() as { quick_check: string } | undefined;
    return row?.quick_check === "ok" ? null : (row?.quick_check ?? "it cannot be checked");
  } catch (error) {
    return (error as Error).message;
  } finally {
    database?.close();
  }
}
