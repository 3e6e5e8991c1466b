/**
 * Opens the file of the SQLite store, and explains SQLite's errors. Nothing here waits: if another program holds the file,
 * it fails at once, and the caller tries again later.
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { type Hints, withHint } from "./guard.ts";
import { makePrivate } from "./private-file.ts";

/** Marks the file as a store of ours: "mill" in ASCII. */
const APPLICATION_ID = 0x6d696c6c;
/** Version of the schema below; a file with another version is refused. */
const LAYOUT = 1;
/**
 * Size of the write-ahead log, in pages of 4 KiB, at which a commit itself moves it into the file. That blocks the process
 * while the disk writes, so it is a last resort: the thread of `sqlite-log.ts` moves the log much earlier.
 */
const LAST_RESORT_PAGES = 16_000;

/**
 * Not `WITHOUT ROWID`: measured two to three times faster to fill with values of 600 to 2000 bytes. No index on `expires`:
 * every write would pay for it, and the sweep needs none. The value is the last column because SQLite stores the end of a
 * long row on separate pages.
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

/** SQLite's messages, and what to do then. Deno passes on no error codes, so messages are all there is. */
const HINTS: Hints = [
  [/not a database/, "that file is something else; name another one"],
  [
    /unable to open|readonly|ENOTDIR|EEXIST|EACCES|EPERM|EROFS/,
    "this user must be able to write the file and its folder",
  ],
  [/full|ENOSPC|disk I\/O/, "check its disk and the free space there"],
  [/locked/, "another program keeps it locked; end that program or its transaction"],
  [/malformed/, "the file is damaged; restore it from a backup"],
];

/** `SQLITE_BUSY` and `SQLITE_PROTOCOL`: another program holds the file. The same messages on Node, Bun and Deno. */
const LOCKED = /database is locked|locking protocol/;

/** Whether an error says that another program holds the file. */
export function isLocked(error: unknown): boolean {
  return LOCKED.test(String(error));
}

/** An error with the name of the file and a hint. SQLite's messages contain neither keys nor values. */
export function explanation(file: string, cause: unknown): Error {
  return withHint(`SQLite store ${file}`, cause, HINTS);
}

/**
 * Opens a store's file; creates it if absent.
 * @throws {Error} of SQLite or the file system. If {@link isLocked} is true for it, try again.
 */
export function openFile(file: string): DatabaseSync {
  makePrivate(file, ["-wal", "-shm", "-journal"]);
  // No timeout inside SQLite: it would block the whole process.
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
    // Deleted and replaced content is overwritten with zeros.
    db.exec("PRAGMA secure_delete = ON");
    db.exec(`PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = ${LAST_RESORT_PAGES}`);
    if (isNew) db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
