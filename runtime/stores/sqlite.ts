/**
 * A store in one SQLite file, through `node:sqlite`, which Node, Bun and Deno all have.
 *
 * Writes of one turn of the event loop share one transaction (a group commit) and are acknowledged after its commit.
 * The journal is a write-ahead log with `synchronous = NORMAL`: what was committed is with the operating system,
 * so the death of the process loses none of it. A loss of power may take back the newest commits, never part of
 * one, and never damages the file. `FULL` would make each commit wait for the disk, and every visitor with it.
 * @module
 */
import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { setImmediate } from "node:timers";
import type { Change, Clock, PutResult, Store } from "../platform.ts";
import { expiryMs } from "./expiry.ts";

/** Where the entries are, and where the time comes from. */
export interface SqliteStoreOptions {
  /** The file; it is created, with its folders, if absent. Processes of one machine may share it. */
  path: string;
  clock: Pick<Clock, "now">;
}

/** Marks the file as a store of ours: "mill" in ASCII. */
const APPLICATION_ID = 0x6d696c6c;
/** The layout below; a file with another one is not opened. */
const LAYOUT = 1;
/** How long a write waits for another process's transaction, in milliseconds. This process stands still meanwhile. */
const BUSY_TIMEOUT_MS = 5000;
/** The longest transaction, in writes. */
const MAX_GROUP = 1000;
/** How many entries are looked at for each write, to remove the expired: these cannot outnumber the living for long. */
const SWEPT_PER_WRITE = 2;
/**
 * How long the write-ahead log may get before it is moved into the file, in pages of 4 KiB. A move waits for the disk;
 * at 16 MiB writes cost about half of what they do at SQLite's own 4 MiB.
 */
const CHECKPOINT_PAGES = 4000;
/** How many versions a process sets aside for itself at once. */
const VERSIONS_AT_ONCE = 1000;

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
  [
    /locked/,
    `another program has kept it locked for ${BUSY_TIMEOUT_MS / 1000} s; end that program or its transaction`,
  ],
  [/malformed/, "the file is damaged; restore it from a backup"],
];

/** Runs one step; what SQLite says if it fails gets the file's name and a way out. Neither ever holds a key or value. */
function explained<T>(file: string, step: () => T): T {
  try {
    return step();
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    const wayOut = waysOut.find(([words]) => words.test(what))?.[1];
    throw new Error(`SQLite store ${file}: ${what}${wayOut === undefined ? "" : ` (${wayOut})`}`, { cause });
  }
}

/**
 * Another process that opens the same new file can make the change of journal fail at once, without the usual wait;
 * an empty transaction is that wait.
 */
function useWriteAheadLog(db: DatabaseSync): void {
  for (let attempt = 1; ; attempt++) {
    try {
      db.exec("PRAGMA journal_mode = WAL");
      return;
    } catch (error) {
      if (attempt === 100 || !/locked/.test(String(error))) throw error;
      db.exec("BEGIN IMMEDIATE; ROLLBACK");
    }
  }
}

function open(file: string): DatabaseSync {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
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
    useWriteAheadLog(db);
    db.exec(`PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    if (isNew) db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Deno reads a text up to its first NUL only, and no host keeps half of a surrogate pair: refused, not altered. */
function mustBeText(what: string, text: string): void {
  if (!text.isWellFormed() || text.includes("\0")) {
    throw new TypeError(`a ${what} for the SQLite store must be well-formed Unicode without NUL characters`);
  }
}

/** One write that waits for the group's transaction. */
interface Queued {
  run(nowMs: number): unknown;
  resolve(result: unknown): void;
  reject(reason: unknown): void;
}

/**
 * Opens the store.
 * @throws {Error} naming the file and the way out if it cannot be opened, created or understood.
 *
 * @example
 * const store = sqliteStore({ path: "./data/millrace.db", clock: { now: Date.now } });
 */
export function sqliteStore({ path, clock }: SqliteStoreOptions): Store {
  const file = resolve(path);
  const db = explained(file, () => open(file));
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
  const rowOf = (statement: StatementSync, key: string, nowMs: number) =>
    statement.get(key, nowMs) as unknown as SQLOutputValue[] | undefined;

  let closed = false;
  let queue: Queued[] = [];
  const queuedKeys = new Set<string>();
  let version = 0;
  let lastReserved = 0;
  let sweptTo = 0;

  /** A number that no entry of this file has had before, whoever wrote it. */
  function nextVersion(): number {
    if (version === lastReserved) {
      lastReserved = Number(sql.reserve.get(VERSIONS_AT_ONCE)!.reserved);
      version = lastReserved - VERSIONS_AT_ONCE;
    }
    return ++version;
  }

  /** Goes round and round through all entries, a few for each write, and removes the expired. */
  function sweep(rows: number, nowMs: number): void {
    const end = sql.sweepEnd.get(sweptTo, rows - 1)?.rowid;
    sql.sweep.run(sweptTo, end ?? Number.MAX_SAFE_INTEGER, nowMs);
    sweptTo = end === undefined ? 0 : Number(end);
  }

  function transaction(group: readonly Queued[]): unknown[] {
    sql.begin.run();
    try {
      const nowMs = clock.now();
      const results = group.map((write) => write.run(nowMs));
      sweep(group.length * SWEPT_PER_WRITE, nowMs);
      sql.commit.run();
      return results;
    } catch (error) {
      version = lastReserved; // what was reserved in this transaction is not
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }

  function flush(): void {
    if (queue.length === 0) return;
    const group = queue;
    queue = [];
    queuedKeys.clear();
    try {
      const results = explained(file, () => transaction(group));
      for (let i = 0; i < group.length; i++) group[i]!.resolve(results[i]);
    } catch (error) {
      for (const write of group) write.reject(error);
    }
  }

  /** Queues one write for the transaction at the end of this turn. */
  function enqueue(key: string, write: Queued): void {
    if (queue.length === 0) setImmediate(flush);
    queue.push(write);
    queuedKeys.add(key);
    if (queue.length === MAX_GROUP) flush();
  }

  function write<T>(key: string, run: (nowMs: number) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      enqueue(key, { run, resolve: resolve as Queued["resolve"], reject });
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
      if (queuedKeys.has(key)) flush(); // a process reads what it wrote
      const row = explained(file, () => rowOf(sql.get, key, clock.now()));
      if (row === undefined) return null;
      const [value, metadata, version] = row;
      return { value: value as string, metadata: JSON.parse(metadata as string), version: String(version) };
    },

    async put(key, value, { ifVersion, ...rest } = {}) {
      mustBeUsable(key);
      const columns = columnsOf({ value, ...rest }, clock.now());
      return write<PutResult>(key, (nowMs) => {
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
        enqueue(key, {
          run(nowMs) {
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
      await write(key, () => sql.delete.run(key));
    },

    async list(prefix, { limit = 1000, cursor } = {}) {
      mustBeUsable(prefix);
      flush();
      // One row more than asked for: its key is where the next page begins.
      const rows = explained(file, () => sql.list.all(prefix, cursor ?? prefix, clock.now(), limit + 1));
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
      flush();
      explained(file, () => db.close());
    },
  };
}
