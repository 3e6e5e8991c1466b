/**
 * The database of GRASP in one SQLite file, through `node:sqlite`, which Node, Bun and Deno all have.
 * @module
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import type { Filter } from "../../../runtime/grasp/events/filter.ts";
import type { EventStore, Intent, Remembered, StoreChanges } from "../../../runtime/grasp/ports.ts";
import type { Entry } from "../../../runtime/grasp/purgatory/entry.ts";
import type { Clock, Json } from "../../../runtime/platform.ts";
import { changesOn } from "./changes.ts";
import { bytesOfHex, countOf, MAX_LAST_SECOND, MAX_LIMIT, type Statement, selectOf } from "./queries.ts";
import { SCHEMA } from "./schema.ts";

/** How long a write waits for another process that holds the file, in milliseconds. */
const BUSY_MS = 5000;
const BUSY_PAUSE_MS = 10;
/** Prepared statements that are kept. */
const MAX_STATEMENTS = 200;

export interface SqliteEventStoreOptions {
  /** The file, or `:memory:`. */
  readonly path: string;
  readonly clock: Pick<Clock, "now" | "after">;
}

/** A row of the table of events. */
interface Row {
  readonly created_at: number;
  readonly json: string;
}

/**
 * Opens the database, and creates it if it is absent.
 * @throws {Error} if the file is damaged or no database (P33).
 */
export function sqliteEventStore({ path, clock }: SqliteEventStoreOptions): EventStore {
  const database = new DatabaseSync(path);
  database.exec(SCHEMA);
  return new SqliteEventStore(database, clock);
}

class SqliteEventStore implements EventStore {
  readonly #database: DatabaseSync;
  readonly #clock: Pick<Clock, "now" | "after">;
  readonly #statements = new Map<string, StatementSync>();
  readonly #changes: StoreChanges;
  /** Transactions run one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(database: DatabaseSync, clock: Pick<Clock, "now" | "after">) {
    this.#database = database;
    this.#clock = clock;
    this.#changes = changesOn((sql) => this.#prepare(sql));
  }

  query(filters: readonly Filter[], nowSeconds: number): NostrEvent[] {
    const found = new Map<string, NostrEvent>();
    for (const filter of filters)
      for (const event of this.#select(filter, nowSeconds)) found.set(event.id, event);
    return [...found.values()].sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1));
  }

  count(filters: readonly Filter[], nowSeconds: number): number {
    const statement = countOf(filters, nowSeconds);
    if (statement === null) return 0;
    return (this.#prepare(statement.sql).get(...statement.values) as { count: number }).count;
  }

  get(id: string): NostrEvent | null {
    return this.#one({ sql: "SELECT created_at, json FROM event WHERE id = ?", values: [bytesOfHex(id)] });
  }

  newest(kind: number, pubkey: string, identifier: string): NostrEvent | null {
    const sql = "SELECT created_at, json FROM event WHERE kind = ? AND identifier = ? AND pubkey = ?";
    return this.#one({ sql, values: [kind, identifier, bytesOfHex(pubkey)] });
  }

  withIdentifier(kind: number, identifier: string): NostrEvent[] {
    const sql =
      "SELECT created_at, json FROM event WHERE kind = ? AND identifier = ? ORDER BY created_at DESC, id";
    return (this.#prepare(sql).all(kind, identifier) as unknown as Row[]).map(eventOf);
  }

  remembered(id: string, nowSeconds: number): Remembered | null {
    const sql = "SELECT what FROM remembered WHERE id = ? AND (until IS NULL OR until > ?)";
    const row = this.#prepare(sql).get(bytesOfHex(id), nowSeconds) as { what: Remembered } | undefined;
    return row?.what ?? null;
  }

  *journal(): Generator<Entry> {
    for (const row of this.#prepare("SELECT entry FROM journal").all()) {
      yield JSON.parse((row as unknown as { entry: string }).entry) as Entry;
    }
  }

  intents(): Intent[] {
    return this.#prepare("SELECT id, plan FROM intent ORDER BY id")
      .all()
      .map((row) => {
        const { id, plan } = row as unknown as { id: number; plan: string };
        return { id, plan: JSON.parse(plan) as Json };
      });
  }

  transaction<T>(work: (changes: StoreChanges) => T): Promise<T> {
    const result = this.#last.then(() => this.#run(work));
    this.#last = result.catch(() => {});
    return result;
  }

  async close(): Promise<void> {
    await this.#last;
    this.#statements.clear();
    this.#database.close();
  }

  async #run<T>(work: (changes: StoreChanges) => T): Promise<T> {
    await this.#begin();
    try {
      const result = work(this.#changes);
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** Begins a transaction. While another process writes, it is tried again by a timer and never waits inside SQLite (O36). */
  async #begin(): Promise<void> {
    const endMs = this.#clock.now() + BUSY_MS;
    for (;;) {
      try {
        return this.#database.exec("BEGIN IMMEDIATE");
      } catch (error) {
        if (!/database is locked/.test(String(error)) || this.#clock.now() > endMs) throw error;
        await new Promise<void>((resolve) => void this.#clock.after(BUSY_PAUSE_MS, resolve));
      }
    }
  }

  /** Events of one filter. Where our maximum ends the answer, the events of its last second are added (R72). */
  #select(filter: Filter, nowSeconds: number): NostrEvent[] {
    const limit = Math.min(filter.limit ?? MAX_LIMIT, MAX_LIMIT);
    if (limit === 0) return [];
    const rows = this.#rows(selectOf(filter, nowSeconds, limit));
    const isCut = rows.length === MAX_LIMIT && (filter.limit === undefined || filter.limit > MAX_LIMIT);
    if (!isCut) return rows.map(eventOf);
    const last = rows.at(-1)!.created_at;
    const earlier = rows.filter((row) => row.created_at > last);
    const ofLastSecond = this.#rows(
      selectOf({ ...filter, since: last, until: last }, nowSeconds, MAX_LAST_SECOND),
    );
    return [...earlier, ...ofLastSecond].map(eventOf);
  }

  #rows(statement: Statement | null): Row[] {
    if (statement === null) return [];
    return this.#prepare(statement.sql).all(...statement.values) as unknown as Row[];
  }

  #one({ sql, values }: Statement): NostrEvent | null {
    const row = this.#prepare(sql).get(...values) as unknown as Row | undefined;
    return row === undefined ? null : eventOf(row);
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear();
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function eventOf({ json }: Row): NostrEvent {
  return JSON.parse(json) as NostrEvent;
}
