/**
 * A store in one SQLite file, through `node:sqlite`, which Node, Bun and Deno all have.
 *
 * Writes of one turn of the event loop share one transaction (a group commit) and are acknowledged after its commit.
 * The journal is a write-ahead log with `synchronous = NORMAL`: what was committed is with the operating system,
 * so the death of the process loses none of it. A loss of power may take back the newest commits, never part of
 * one, and never damages the file. `FULL` would make each commit wait for the disk, and every visitor with it.
 *
 * `node:sqlite` is synchronous: whatever waits inside of it stops the whole process. So nothing does. Where another
 * program holds the file, SQLite refuses at once, and what was refused waits in a queue and is tried again by a timer.
 * @module
 */
import { resolve } from "node:path";
import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import type { Change, Clock, PutResult, Store } from "../platform.ts";
import { expiryMs } from "./expiry.ts";
import { explanation, isLocked, openFile } from "./sqlite-file.ts";
import { keepLog } from "./sqlite-log.ts";
import { createQueue, type Write } from "./sqlite-queue.ts";

/** Where the entries are, and where the time comes from. */
export interface SqliteStoreOptions {
  /**
   * The file; it is created, with its folders, if absent. Processes of one machine may share it. Only its owner may read
   * and write it.
   */
  path: string;
  clock: Pick<Clock, "now">;
  /**
   * How long an operation waits while another program holds the file, in milliseconds; then it rejects. Default 4000.
   * Reads are held up only by an exclusive lock.
   */
  timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 4000;
/** How many entries are looked at for each write, to remove the expired: these cannot outnumber the living for long. */
const SWEPT_PER_WRITE = 2;
/** How many versions a process sets aside for itself at once. */
const VERSIONS_AT_ONCE = 1000;

/** Deno reads a text up to its first NUL only, and no host keeps half of a surrogate pair: refused, not altered. */
function mustBeText(what: string, text: string): void {
  if (!text.isWellFormed() || text.includes("\0")) {
    throw new TypeError(`a ${what} for the SQLite store must be well-formed Unicode without NUL characters`);
  }
}

/** The statements of one connection, prepared once. */
function statementsOf(db: DatabaseSync) {
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
    // The given version arrives as text and is compared as a number; text that is no number equals none.
    replace: db.prepare(`
      UPDATE entries SET version = ?2, expires = ?3, metadata = ?4, value = ?5
      WHERE key = ?1 AND expires > ?6 AND version = ?7`),
    delete: db.prepare("DELETE FROM entries WHERE key = ?1"),
    // A byte FF occurs in no UTF-8 text: the prefix with it behind comes after every key that begins with the prefix.
    list: db.prepare(`
      SELECT key, metadata FROM entries
      WHERE key >= max(?1, ?2) AND key < ?1 || CAST(x'FF' AS TEXT) AND expires > ?3 ORDER BY key LIMIT ?4`),
    reserve: db.prepare("UPDATE versions SET reserved = reserved + ?1 RETURNING reserved"),
    sweepEnd: db.prepare("SELECT rowid FROM entries WHERE rowid > ?1 ORDER BY rowid LIMIT 1 OFFSET ?2"),
    sweep: db.prepare("DELETE FROM entries WHERE rowid > ?1 AND rowid <= ?2 AND expires <= ?3"),
  };

  // The two that every visitor may need: a row as an array is made in two thirds of the time.
  sql.get.setReturnArrays(true);
  sql.find.setReturnArrays(true);
  return sql;
}

/** The first row of one of the two statements that return arrays. */
function rowOf(statement: StatementSync, key: string, nowMs: number) {
  return statement.get(key, nowMs) as unknown as SQLOutputValue[] | undefined;
}

/**
 * Opens the store.
 * Where another program holds the file, the operations wait for that.
 * @throws {Error} naming the file and the way out if it cannot be opened, created or understood.
 *
 * @example
 * const store = sqliteStore({ path: "./data/millrace.db", clock: { now: Date.now } });
 */
export function sqliteStore({ path, clock, timeoutMs = DEFAULT_TIMEOUT_MS }: SqliteStoreOptions): Store {
  const file = resolve(path);
  const explain = (cause: unknown) => explanation(file, cause);
  let opened: ReturnType<typeof connect> | null = null;
  let closed = false;
  let version = 0;
  let lastReserved = 0;
  let sweptTo = 0;

  function connect() {
    const db = openFile(file);
    try {
      return { db, sql: statementsOf(db), log: keepLog(file) };
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** The open file. @throws what SQLite says if it cannot be opened now. */
  function open() {
    opened ??= connect();
    return opened;
  }

  try {
    open();
  } catch (error) {
    if (!isLocked(error)) throw explain(error);
  }

  const queue = createQueue({ timeoutMs, commit, explain });

  /** A number that no entry of this file has had before, whoever wrote it. */
  function nextVersion(): number {
    if (version === lastReserved) {
      lastReserved = Number(open().sql.reserve.get(VERSIONS_AT_ONCE)!.reserved);
      version = lastReserved - VERSIONS_AT_ONCE;
    }
    return ++version;
  }

  /** Goes round and round through all entries, a few for each write, and removes the expired. */
  function sweep(rows: number, nowMs: number): void {
    const { sql } = open();
    const end = sql.sweepEnd.get(sweptTo, rows - 1)?.rowid;
    sql.sweep.run(sweptTo, end ?? Number.MAX_SAFE_INTEGER, nowMs);
    sweptTo = end === undefined ? 0 : Number(end);
  }

  function commit(group: readonly Write[]): unknown[] {
    const { db, sql, log } = open();
    sql.begin.run();
    try {
      const nowMs = clock.now();
      const results = group.map((write) => write.run(nowMs));
      sweep(group.length * SWEPT_PER_WRITE, nowMs);
      sql.commit.run();
      log.committed(group.length);
      return results;
    } catch (error) {
      version = lastReserved; // what was reserved in this transaction is not
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }

  function write<T>(key: string, characters: number, run: (nowMs: number) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      queue.write({ key, characters, run, resolve: resolve as Write["resolve"], reject });
    });
  }

  /** The columns of an entry but for its key and version. */
  function columnsOf({ value, ttlSeconds, metadata = null }: Change, nowMs: number) {
    mustBeText("value", value);
    return [expiryMs(nowMs, ttlSeconds), JSON.stringify(metadata), value] as const;
  }

  function mustBeUsable(key: string): void {
    if (closed) throw new Error(`SQLite store ${file}: it is closed`);
    mustBeText("key", key);
  }

  return {
    traits: { name: "sqlite", readAfterWrite: true, durable: true, shared: true },

    get(key) {
      mustBeUsable(key);
      queue.flushKey(key); // a process reads what it wrote
      return queue.read(() => {
        const row = rowOf(open().sql.get, key, clock.now());
        if (row === undefined) return null;
        const [value, metadata, version] = row;
        return { value: value as string, metadata: JSON.parse(metadata as string), version: String(version) };
      });
    },

    async put(key, value, { ifVersion, ...rest } = {}) {
      mustBeUsable(key);
      const columns = columnsOf({ value, ...rest }, clock.now());
      return write<PutResult>(key, value.length, (nowMs) => {
        const { sql } = open();
        const next = nextVersion();
        const { changes } =
          ifVersion === undefined
            ? sql.set.run(key, next, ...columns)
            : ifVersion === null
              ? sql.create.run(key, next, ...columns, nowMs)
              : sql.replace.run(key, next, ...columns, nowMs, ifVersion);
        return Number(changes) === 0 ? { ok: false } : { ok: true, version: String(next) };
      });
    },

    update: (key, decide) =>
      new Promise((resolve, reject) => {
        mustBeUsable(key);
        let fault: { reason: unknown } | null = null;
        queue.write({
          key,
          characters: 0,
          run(nowMs) {
            const { sql } = open();
            fault = null;
            const row = rowOf(sql.find, key, nowMs);
            let columns: ReturnType<typeof columnsOf>;
            try {
              const change = decide(row === undefined ? null : (row[1] as string));
              if (change === null) return;
              columns = columnsOf(change, nowMs);
            } catch (reason) {
              fault = { reason }; // of this key alone: the others of the group are written
              return;
            }
            if (row === undefined) sql.set.run(key, nextVersion(), ...columns);
            else sql.change.run(row[0]!, nextVersion(), ...columns);
          },
          resolve: () => (fault === null ? resolve() : reject(fault.reason)),
          reject,
        });
      }),

    async delete(key) {
      mustBeUsable(key);
      await write(key, 0, () => open().sql.delete.run(key));
    },

    async list(prefix, { limit = 1000, cursor } = {}) {
      mustBeUsable(prefix);
      queue.flush();
      // One row more than asked for: its key is where the next page begins.
      const rows = await queue.read(() =>
        open().sql.list.all(prefix, cursor ?? prefix, clock.now(), limit + 1),
      );
      return {
        entries: rows
          .slice(0, limit)
          .map((row) => ({ key: row.key as string, metadata: JSON.parse(row.metadata as string) })),
        cursor: (rows[limit]?.key as string | undefined) ?? null,
      };
    },

    async close() {
      if (closed) return;
      closed = true;
      await queue.end();
      if (opened === null) return;
      await opened.log.close();
      try {
        opened.db.close();
      } catch (error) {
        throw explain(error);
      }
    },
  };
}
