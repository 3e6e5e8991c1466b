/**
 * Opening the file of the SQLite store, and what SQLite says when something is wrong with it. Nothing here waits: where
 * another program holds the file, it fails at once and the caller tries again later.
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { makePrivate } from "./private-file.ts";

/** Marks the file as a store of ours: "mill" in ASCII. */
const APPLICATION_ID = 0x6d696c6c;
/** The layout below; a file with another one is not opened. */
const LAYOUT = 1;
/**
 * The size of the write-ahead log, in pages of 4 KiB, at which a commit itself moves it into the file. It stops the process
 * for as long as the disk takes, so it is a last resort: the thread of `sqlite-log.ts` moves the log much earlier.
 */
const LAST_RESORT_PAGES = 16_000;

/**
 * With rows found by `rowid` and not in the key's own tree: measured two to three times faster to fill for values of
 * 600 to 2000 bytes. No index on `expires`: every write would pay for it, and the sweep needs none. Values come last,
 * for their tails lie on pages of their own.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS entries (
    key TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    value TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS versions (reserved INTEGER NOT NULL) STRICT;
  INSERT INTO versions SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM versions);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${LAYOUT};
`;

/** SQLite's words for a fault, and the way out of it. Deno passes on no error codes, so the words have to do. */
const waysOut: readonly (readonly [RegExp, string])[] = [
  [/not a database/, "that file is something else; name another one"],
  [
    /unable to open|readonly|ENOTDIR|EEXIST|EACCES|EPERM|EROFS/,
    "this user must be able to write the file and its folder",
  ],
  [/full|ENOSPC|disk I\/O/, "look after the disk that it is on, and the space left there"],
  [/locked/, "another program keeps it locked; end that program or its transaction"],
  [/malformed/, "the file is damaged; restore it from a backup"],
];

/** `SQLITE_BUSY` and `SQLITE_PROTOCOL`: another program holds the file now. The same words on Node, Bun and Deno. */
const LOCKED = /database is locked|locking protocol/;

/** Whether an error, or the error that it explains, says that another program holds the file. */
export function isLocked(error: unknown): boolean {
  return LOCKED.test(String(error));
}

/** An error with the file's name and a way out. SQLite's words hold neither a key nor a value. */
export function explanation(file: string, cause: unknown): Error {
  const what = cause instanceof Error ? cause.message : String(cause);
  const wayOut = waysOut.find(([words]) => words.test(what))?.[1];
  return new Error(`SQLite store ${file}: ${what}${wayOut === undefined ? "" : ` (${wayOut})`}`, { cause });
}

/**
 * Opens a store's file; creates it if absent.
 * @throws {Error} of SQLite or the file system. {@link isLocked} tells whether it is worth another try.
 */
export function openFile(file: string): DatabaseSync {
  makePrivate(file, ["-wal", "-shm", "-journal"]);
  // Nothing waits inside of SQLite: the whole process would wait with it.
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    const number = (sql: string) => Number(Object.values(db.prepare(sql).get()!)[0]);
    const isNew = number("SELECT count(*) FROM sqlite_schema") === 0;
    if (!isNew && number("PRAGMA application_id") !== APPLICATION_ID) {
      throw new Error("the file is another application's database; name another one");
    }
    if (!isNew && number("PRAGMA user_version") !== LAYOUT) {
      throw new Error(
        `the file has layout ${number("PRAGMA user_version")}, this version of millrace reads ${LAYOUT}`,
      );
    }
    db.exec("PRAGMA journal_mode = WAL");
    // What is deleted or replaced is overwritten with zeros.
    db.exec("PRAGMA secure_delete = ON");
    db.exec(`PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = ${LAST_RESORT_PAGES}`);
    if (isNew) db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
