/**
 * The database of GRASP in one SQLite file, through `node:sqlite`, which Node, Bun and Deno all have.
 * @module
 */
import { closeSync, fdatasync, openSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import type { EventStore, StoreChanges } from "../../../runtime/grasp/ports.ts";
import type { Clock } from "../../../runtime/platform.ts";
import { changesOn } from "./changes.ts";
import { SqliteReads } from "./event-reads.ts";
import { GroupCommit } from "./group-commit.ts";
import { SCHEMA } from "./schema.ts";

/** Interval of checkpoints, in milliseconds, and the size of the log from which on one runs (O35). */
const CHECKPOINT_MS = 60_000;
const MAX_LOG_BYTES = 16 * 1024 ** 2;

export interface SqliteEventStoreOptions {
  /** The file, or `:memory:`. */
  readonly path: string;
  readonly clock: Pick<Clock, "now" | "after">;
}

const syncData = promisify(fdatasync);

/**
 * Opens the database, and creates it if it is absent.
 * @throws {Error} if the file is damaged or no database (P33).
 */
export function sqliteEventStore({ path, clock }: SqliteEventStoreOptions): EventStore {
  const database = new DatabaseSync(path);
  database.exec(SCHEMA);
  return new SqliteEventStore(database, path, clock);
}

class SqliteEventStore extends SqliteReads implements EventStore {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #group: GroupCommit;
  readonly #stopCheckpoints: () => void;
  /** The descriptor of the write-ahead log; `null`: the database is in memory. */
  readonly #log: number | null;

  constructor(database: DatabaseSync, path: string, clock: Pick<Clock, "now" | "after">) {
    super(database);
    this.#database = database;
    this.#path = path;
    const changes = changesOn((sql) => this.prepare(sql));
    this.#log = path === ":memory:" ? null : openSync(`${path}-wal`, "r+");
    const log = this.#log;
    this.#group = new GroupCommit({
      ...{ database, changes, clock },
      ...(log === null ? {} : { sync: () => syncData(log) }),
    });
    let stop = () => {};
    const checkpoint = () => {
      stop = clock.after(CHECKPOINT_MS, checkpoint);
      this.#shortenLog();
    };
    stop = clock.after(CHECKPOINT_MS, checkpoint);
    this.#stopCheckpoints = () => stop();
  }

  get version(): number {
    return this.#group.commits;
  }

  transaction<T>(work: (changes: StoreChanges) => T): Promise<T> {
    return this.#group.run(work);
  }

  written(): Promise<void> {
    return this.#group.written();
  }

  async close(): Promise<void> {
    this.#stopCheckpoints();
    await this.#group.end();
    this.closeDatabase();
    if (this.#log !== null) closeSync(this.#log);
  }

  /** Moves a long write-ahead log into the file and empties it (O35). */
  #shortenLog(): void {
    const bytes = statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes > MAX_LOG_BYTES) this.#database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }
}
