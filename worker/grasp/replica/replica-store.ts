/**
 * GRASP's database in a process that only reads it, while another one writes (O3). What it does not know from the tables it learns by
 * looking: SQLite tells whether another connection has committed since the last look.
 * @module
 */
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import type { Filter } from "../../../runtime/grasp/events/filter.ts";
import type { TimedIds } from "../../../runtime/grasp/ports.ts";
import { type JournalRow, WaitingCopy } from "../../../runtime/grasp/replica/waiting-copy.ts";
import { StartError } from "../../serve/start-error.ts";
import { SqliteReads } from "../store/event-reads.ts";
import { PAGE_CACHE, SCHEMA } from "../store/schema.ts";

/** How long a statement waits for a lock, in milliseconds (O36). Readers wait for a writer only while it repairs the log's index. */
const BUSY_MS = 50;
/** The journal is read again after this many times the duration of the last reading, at the earliest: it may be long. */
const REST = 10;

export interface ReplicaStoreOptions {
  readonly path: string;
  /** Seconds since the epoch, by the host's clock. */
  readonly nowSeconds: () => number;
  /** Milliseconds, by a clock that is never set. */
  readonly nowMs: () => number;
}

/**
 * Opens the database of another process for reading.
 * @throws {StartError} if it is absent, or not that of this version.
 */
export function openReplicaStore(options: ReplicaStoreOptions): ReplicaStore {
  const { path } = options;
  const absent = `cannot serve a replica: there is no database ${path}. Start the process that writes first, with the same dataDirectory`;
  if (!existsSync(path)) throw new StartError(absent);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
    database.exec(PAGE_CACHE);
    for (const table of TABLES) database.prepare(`SELECT 1 FROM ${table} LIMIT 1`).get();
    return new ReplicaStore(database, options);
  } catch (cause) {
    database?.close();
    const reason = (cause as Error).message;
    const text = /no such table/.test(reason)
      ? `${reason}. Start the process that writes, of the same version, first`
      : reason;
    throw new StartError(`cannot serve a replica of ${path}: ${text}`, { cause });
  }
}

/** The tables that this version has. */
const TABLES = [...SCHEMA.matchAll(/CREATE TABLE IF NOT EXISTS (\w+)/g)].map(([, name]) => name!);

export class ReplicaStore extends SqliteReads {
  /** What waits in purgatory, as of the last reading of the journal. */
  readonly waiting = new WaitingCopy();
  readonly #database: DatabaseSync;
  readonly #nowSeconds: () => number;
  readonly #nowMs: () => number;
  #version = -1;
  /** The last row of the table of events that was told. Numbers of rows are never used again. */
  #lastRow: number;
  #isInside = false;
  /** Whether the journal may have changed since it was read, and when it may be read again. */
  #isJournalOld = true;
  #journalDueMs = Number.NEGATIVE_INFINITY;
  /** Called with each event that is served from now on. */
  onServed: (event: NostrEvent) => void = () => {};

  constructor(database: DatabaseSync, { nowSeconds, nowMs }: ReplicaStoreOptions) {
    super(database);
    this.#database = database;
    this.#nowSeconds = nowSeconds;
    this.#nowMs = nowMs;
    this.#lastRow = this.#newestRow();
    this.look();
  }

  /** The writer's transactions, as of the last look. */
  get version(): number {
    return this.#version;
  }

  /** Takes over what the writer has committed, and tells of events that are served since. @returns the version */
  look(): number {
    return this.#atOnce(() => this.#version);
  }

  /** What is read was committed by the writer. It may be on its way to the disk. */
  async written(): Promise<void> {}

  override together(read: () => void): void {
    this.#atOnce(read);
  }

  // A subscriber hears of each event once (R18): with the stored ones, or after them because it came after this moment.
  override texts(filters: readonly Filter[], nowSeconds: number): Generator<string, void> {
    return this.#atOnce(() => super.texts(filters, nowSeconds));
  }

  override count(filters: readonly Filter[], nowSeconds: number): number {
    return this.#atOnce(() => super.count(filters, nowSeconds));
  }

  override records(filter: Filter, nowSeconds: number, max: number): TimedIds | null {
    return this.#atOnce(() => super.records(filter, nowSeconds, max));
  }

  close(): void {
    this.closeDatabase();
  }

  /** Reads the database as it is at one moment, whose version and events are known then. */
  #atOnce<T>(read: () => T): T {
    if (this.#isInside) return read();
    this.#isInside = true;
    this.#database.exec("BEGIN");
    try {
      this.#takeOver();
      return read();
    } finally {
      this.#database.exec("COMMIT");
      this.#isInside = false;
    }
  }

  #takeOver(): void {
    const { data_version: version } = this.prepare("PRAGMA data_version").get() as { data_version: number };
    if (version !== this.#version) {
      this.#version = version;
      this.#isJournalOld = true;
      this.#tellServed();
    }
    if (this.#isJournalOld && this.#nowMs() >= this.#journalDueMs) this.#readJournal();
  }

  #tellServed(): void {
    const newest = this.#newestRow();
    if (newest === this.#lastRow) return;
    const sql =
      "SELECT json FROM event WHERE row > ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY row";
    const rows = this.prepare(sql).all(this.#lastRow, this.#nowSeconds()) as { json: string }[];
    this.#lastRow = newest;
    for (const { json } of rows) this.onServed(JSON.parse(json) as NostrEvent);
  }

  /** The newest row that ever was. */
  #newestRow(): number {
    const row = this.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'event'").get();
    return (row as { seq: number } | undefined)?.seq ?? 0;
  }

  #readJournal(): void {
    const startedMs = this.#nowMs();
    this.waiting.take(
      this.prepare("SELECT key, entry FROM journal").all() as unknown as Iterable<JournalRow>,
    );
    const endedMs = this.#nowMs();
    this.#isJournalOld = false;
    this.#journalDueMs = endedMs + REST * (endedMs - startedMs);
  }
}
