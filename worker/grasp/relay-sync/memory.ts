/**
 * What relay sync remembers over a restart: refused announcements and states, and how far each relay's history is known (L17, L22,
 * L25). In GRASP's database, through a connection of its own: nothing here belongs to a transaction of events.
 * @module
 */
import { Buffer } from "node:buffer";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import type { Cursor, Memory, RefusedRow } from "../../../runtime/grasp/relay-sync/ports.ts";
import type { Clock } from "../../../runtime/platform.ts";
import { bytesOfHex } from "../store/queries.ts";

/** Largest number of ids that are kept (L22). */
const MAX_REFUSED = 1_000_000;
/** How long changes are gathered, in milliseconds, and how many of them one transaction has. */
const GATHER_MS = 2_000;
const MAX_CHANGES = 1_000;
/** How long a write waits for another process that holds the file, in milliseconds, and how often it tries (O36). */
const BUSY_MS = 5_000;
const BUSY_PAUSE_MS = 20;
/** Rows that are read at once. */
const PAGE = 5_000;

const SCHEMA = `
  PRAGMA busy_timeout = 0;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS sync_refused (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    author BLOB NOT NULL,
    identifier TEXT NOT NULL,
    relay TEXT NOT NULL,
    cold_until INTEGER NOT NULL,
    hot_until INTEGER,
    event TEXT
  ) STRICT;
  CREATE TABLE IF NOT EXISTS sync_cursor (
    url TEXT PRIMARY KEY,
    alive_at INTEGER,
    history_at INTEGER
  ) STRICT, WITHOUT ROWID;
`;

export interface SqliteMemoryOptions {
  /** The file of the database, which exists. */
  readonly path: string;
  readonly clock: Pick<Clock, "now" | "after">;
  /** Called with an error of writing. What could not be written is forgotten over a restart. */
  onError(error: unknown): void;
}

/** A row of the table. */
interface Row {
  readonly row: number;
  readonly id: Uint8Array;
  readonly created_at: number;
  readonly kind: number;
  readonly author: Uint8Array;
  readonly identifier: string;
  readonly relay: string;
  readonly cold_until: number;
  readonly hot_until: number | null;
  readonly event: string | null;
}

export class SqliteMemory implements Memory {
  readonly #database: DatabaseSync;
  readonly #options: SqliteMemoryOptions;
  readonly #statements = new Map<string, StatementSync>();
  /** Rows that will be written; `null`: the row will be removed. */
  readonly #refused = new Map<string, RefusedRow | null>();
  readonly #cursors = new Map<string, Cursor | null>();
  #stopTimer: (() => void) | null = null;
  /** When the file was first found locked, in milliseconds; `null`: it is not. */
  #lockedSinceMs: number | null = null;
  #onWritten: (() => void)[] = [];

  /** Opens it, and forgets what is over. */
  constructor(options: SqliteMemoryOptions) {
    this.#options = options;
    this.#database = new DatabaseSync(options.path);
    this.#database.exec(SCHEMA);
    const now = options.clock.now();
    this.#run("DELETE FROM sync_refused WHERE cold_until <= ?", now);
    this.#run("UPDATE sync_refused SET event = NULL, hot_until = NULL WHERE hot_until <= ?", now);
    this.#run(
      "DELETE FROM sync_refused WHERE row <= (SELECT row FROM sync_refused ORDER BY row DESC LIMIT 1 OFFSET ?)",
      MAX_REFUSED,
    );
  }

  *refused(): Generator<RefusedRow> {
    const sql = "SELECT * FROM sync_refused WHERE row > ? ORDER BY row LIMIT ?";
    for (let after = 0; ; ) {
      // No statement stays open while the caller works.
      const rows = this.#statement(sql).all(after, PAGE) as unknown as Row[];
      for (const row of rows) yield refusedOf(row);
      if (rows.length < PAGE) return;
      after = rows.at(-1)!.row;
    }
  }

  putRefused(row: RefusedRow): void {
    // The one that was put last is the last.
    this.#refused.delete(row.id);
    this.#refused.set(row.id, row);
    this.#schedule(GATHER_MS);
  }

  removeRefused(id: string): void {
    this.#refused.delete(id);
    this.#refused.set(id, null);
    this.#schedule(GATHER_MS);
  }

  *cursors(): Generator<Cursor> {
    const rows = this.#statement("SELECT * FROM sync_cursor").all() as unknown as {
      readonly url: string;
      readonly alive_at: number | null;
      readonly history_at: number | null;
    }[];
    for (const row of rows) yield { url: row.url, aliveAtMs: row.alive_at, historyAtMs: row.history_at };
  }

  putCursor(cursor: Cursor): void {
    this.#cursors.set(cursor.url, cursor);
    this.#schedule(GATHER_MS);
  }

  removeCursor(url: string): void {
    this.#cursors.set(url, null);
    this.#schedule(GATHER_MS);
  }

  async flush(): Promise<void> {
    if (!this.#hasChanges) return;
    await new Promise<void>((resolve) => {
      this.#onWritten.push(resolve);
      this.#stopTimer?.();
      this.#stopTimer = null;
      this.#schedule(0);
    });
  }

  /** Writes what is left, and closes the connection. */
  async close(): Promise<void> {
    await this.flush();
    this.#statements.clear();
    this.#database.close();
  }

  get #hasChanges(): boolean {
    return this.#refused.size + this.#cursors.size > 0;
  }

  #schedule(delayMs: number): void {
    this.#stopTimer ??= this.#options.clock.after(delayMs, () => {
      this.#stopTimer = null;
      this.#write();
    });
  }

  /** Writes one portion. While another process writes, it is tried again by a timer. */
  #write(): void {
    const { clock, onError } = this.#options;
    try {
      this.#database.exec("BEGIN IMMEDIATE");
    } catch (error) {
      this.#lockedSinceMs ??= clock.now();
      if (/database is locked/.test(String(error)) && clock.now() - this.#lockedSinceMs < BUSY_MS) {
        this.#schedule(BUSY_PAUSE_MS);
        return;
      }
      this.#giveUp(error);
      return;
    }
    this.#lockedSinceMs = null;
    try {
      this.#apply();
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#rollBack();
      onError(error);
    }
    this.#next();
  }

  /** Takes the first changes and makes them. */
  #apply(): void {
    let left = MAX_CHANGES;
    for (const [url, cursor] of this.#cursors) {
      if (left-- === 0) return;
      this.#cursors.delete(url);
      if (cursor === null) this.#run("DELETE FROM sync_cursor WHERE url = ?", url);
      else this.#run("INSERT OR REPLACE INTO sync_cursor VALUES (?, ?, ?)", url, ...timesOf(cursor));
    }
    for (const [id, row] of this.#refused) {
      if (left-- === 0) return;
      this.#refused.delete(id);
      if (row === null) this.#run("DELETE FROM sync_refused WHERE id = ?", bytesOfHex(id));
      else this.#run(PUT_REFUSED, ...valuesOf(row));
    }
  }

  #next(): void {
    if (this.#hasChanges) {
      this.#schedule(0);
      return;
    }
    for (const call of this.#onWritten.splice(0)) call();
  }

  /** What waits is forgotten: it is only what saves another look. */
  #giveUp(error: unknown): void {
    this.#lockedSinceMs = null;
    this.#refused.clear();
    this.#cursors.clear();
    this.#options.onError(error);
    this.#next();
  }

  #rollBack(): void {
    try {
      this.#database.exec("ROLLBACK");
    } catch {
      // SQLite rolls back by itself where the disk is full.
    }
  }

  #run(sql: string, ...values: (string | number | Uint8Array | null)[]): void {
    this.#statement(sql).run(...values);
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

const PUT_REFUSED = `INSERT OR REPLACE INTO sync_refused
  (id, created_at, kind, author, identifier, relay, cold_until, hot_until, event) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;

function valuesOf(row: RefusedRow): (string | number | Uint8Array | null)[] {
  const { id, createdAt, kind, author, identifier, relay, coldUntilMs, hot } = row;
  return [
    ...[bytesOfHex(id), createdAt, kind, bytesOfHex(author), identifier, relay, Math.round(coldUntilMs)],
    ...(hot === null ? [null, null] : [Math.round(hot.untilMs), JSON.stringify(hot.event)]),
  ];
}

function refusedOf(row: Row): RefusedRow {
  const { id, created_at, kind, author, identifier, relay, cold_until, hot_until, event } = row;
  return {
    id: hex(id),
    createdAt: created_at,
    kind,
    author: hex(author),
    identifier,
    relay,
    coldUntilMs: cold_until,
    hot:
      event === null || hot_until === null
        ? null
        : { event: JSON.parse(event) as NostrEvent, untilMs: hot_until },
  };
}

/** Whole milliseconds: the tables keep integers only. */
function timesOf({ aliveAtMs, historyAtMs }: Cursor): [number | null, number | null] {
  const whole = (time: number | null) => (time === null ? null : Math.round(time));
  return [whole(aliveAtMs), whole(historyAtMs)];
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
