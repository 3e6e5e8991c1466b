/**
 * The open SQLite file: its prepared statements, its version numbers, its transactions.
 * @module
 */
import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import type { Clock } from "../platform.ts";
import { explanation, isLocked, openFile } from "./sqlite-file.ts";
import { LogKeeper } from "./sqlite-log.ts";
import type { Write } from "./sqlite-queue.ts";

/** Entries that each write checks for expiry: expired entries cannot outnumber live ones for long. */
const SWEPT_PER_WRITE = 2;
/** Version numbers that a process reserves at once. */
const VERSIONS_AT_ONCE = 1000;

/** The statements of one connection, prepared once. */
function prepareStatements(db: DatabaseSync) {
  const sql = {
    begin: db.prepare("BEGIN IMMEDIATE"),
    commit: db.prepare("COMMIT"),
    get: db.prepare("SELECT value, metadata, version FROM entries WHERE key = ?1 AND expires > ?2"),
    find: db.prepare("SELECT rowid, value FROM entries WHERE key = ?1 AND expires > ?2"),
    change: db.prepare(
      "UPDATE entries SET version = ?2, expires = ?3, metadata = ?4, value = ?5 WHERE rowid = ?1",
    ),
    set: db.prepare(`
      INSERT INTO entries (key, version, expires, metadata, value) VALUES (?1, ?2, ?3, ?4, ?5)
      ON CONFLICT (key) DO UPDATE SET
        version = excluded.version, expires = excluded.expires, metadata = excluded.metadata, value = excluded.value`),
    create: db.prepare(`
      INSERT INTO entries (key, version, expires, metadata, value) VALUES (?1, ?2, ?3, ?4, ?5)
      ON CONFLICT (key) DO UPDATE SET
        version = excluded.version, expires = excluded.expires, metadata = excluded.metadata, value = excluded.value
        WHERE entries.expires <= ?6`),
    // The given version is a text and compared as a number; a text that is no number equals none.
    replace: db.prepare(`
      UPDATE entries SET version = ?2, expires = ?3, metadata = ?4, value = ?5
      WHERE key = ?1 AND expires > ?6 AND version = ?7`),
    delete: db.prepare("DELETE FROM entries WHERE key = ?1"),
    // UTF-8 has no byte FF: the prefix followed by it sorts after every key that begins with the prefix.
    list: db.prepare(`
      SELECT key, metadata FROM entries
      WHERE key >= max(?1, ?2) AND key < ?1 || CAST(x'FF' AS TEXT) AND expires > ?3 ORDER BY key LIMIT ?4`),
    reserve: db.prepare("UPDATE versions SET reserved = reserved + ?1 RETURNING reserved"),
    sweepEnd: db.prepare("SELECT rowid FROM entries WHERE rowid > ?1 ORDER BY rowid LIMIT 1 OFFSET ?2"),
    sweep: db.prepare("DELETE FROM entries WHERE rowid > ?1 AND rowid <= ?2 AND expires <= ?3"),
  };

  // The two on the path of every visitor: a row as an array takes two thirds of the time.
  sql.get.setReturnArrays(true);
  sql.find.setReturnArrays(true);
  return sql;
}

/** The first row of `get` or `find`, which return arrays. */
export function rowOf(statement: StatementSync, key: string, nowMs: number) {
  return statement.get(key, nowMs) as unknown as SQLOutputValue[] | undefined;
}

interface Opened {
  readonly db: DatabaseSync;
  readonly sql: ReturnType<typeof prepareStatements>;
  readonly log: LogKeeper;
}

export class SqliteDatabase {
  readonly #file: string;
  readonly #clock: Pick<Clock, "now">;
  #opened: Opened | null = null;
  #version = 0;
  #lastReserved = 0;
  /** Row id up to which the current sweep has come. */
  #sweptTo = 0;

  /** Opens the file, or leaves that to the first use if another program holds it. @throws {Error} naming the file and a hint. */
  constructor(file: string, clock: Pick<Clock, "now">) {
    this.#file = file;
    this.#clock = clock;
    try {
      this.#open();
    } catch (error) {
      if (!isLocked(error)) throw explanation(file, error);
    }
  }

  /** The prepared statements. @throws the error of SQLite if the file cannot be opened now. */
  get sql(): Opened["sql"] {
    return this.#open().sql;
  }

  /** A number that no entry of this file ever had, from any process. Only inside a transaction. */
  nextVersion(): number {
    if (this.#version === this.#lastReserved) {
      this.#lastReserved = Number(this.sql.reserve.get(VERSIONS_AT_ONCE)!.reserved);
      this.#version = this.#lastReserved - VERSIONS_AT_ONCE;
    }
    return ++this.#version;
  }

  /** Runs the writes of a group in one transaction. @throws the error of SQLite, with nothing written. */
  commit(group: readonly Write[]): unknown[] {
    const { db, sql, log } = this.#open();
    sql.begin.run();
    try {
      const nowMs = this.#clock.now();
      const results = group.map((write) => write.run(nowMs));
      this.#sweep(group.length * SWEPT_PER_WRITE, nowMs);
      sql.commit.run();
      log.committed(group.length);
      return results;
    } catch (error) {
      this.#version = this.#lastReserved; // the rollback takes back what this transaction reserved
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }

  async close(): Promise<void> {
    if (this.#opened === null) return;
    await this.#opened.log.close();
    try {
      this.#opened.db.close();
    } catch (error) {
      throw explanation(this.#file, error);
    }
  }

  #open(): Opened {
    this.#opened ??= this.#connect();
    return this.#opened;
  }

  #connect(): Opened {
    const db = openFile(this.#file);
    try {
      return { db, sql: prepareStatements(db), log: new LogKeeper(this.#file) };
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** Removes expired entries among the next rows, and starts again at the first row after the last. */
  #sweep(rows: number, nowMs: number): void {
    const { sql } = this;
    const end = sql.sweepEnd.get(this.#sweptTo, rows - 1)?.rowid;
    sql.sweep.run(this.#sweptTo, end ?? Number.MAX_SAFE_INTEGER, nowMs);
    this.#sweptTo = end === undefined ? 0 : Number(end);
  }
}
