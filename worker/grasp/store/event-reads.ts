/**
 * What is read of GRASP's database, by the process that writes it and by those that only read.
 * @module
 */
import { Buffer } from "node:buffer";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type Dated, isHex64, type NostrEvent } from "../../../runtime/grasp/events/event.ts";
import type { Filter } from "../../../runtime/grasp/events/filter.ts";
import { MAX_STEPS } from "../../../runtime/grasp/policy/other-policy.ts";
import type { Backup, EventReads, Intent, Remembered, TimedIds } from "../../../runtime/grasp/ports.ts";
import type { Entry } from "../../../runtime/grasp/purgatory/entry.ts";
import type { Json } from "../../../runtime/platform.ts";
import { endedState, refusalOf } from "./changes.ts";
import {
  bytesOfHex,
  countOf,
  MAX_LAST_SECOND,
  MAX_LIMIT,
  recordsOf,
  rowsOf,
  type Statement,
  selectsOf,
} from "./queries.ts";

/** Prepared statements that are kept. */
const MAX_STATEMENTS = 500;

const ID_BYTES = 32;
const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/**
 * A row of the table of events, in the order of answers (R17). A list, because a row as an object takes a third longer. The id is in hex;
 * rows of several statements are put in order by it.
 */
type Row = readonly [
  row: number,
  at: number,
  /** The event, if it is short. */
  json: string | null,
  id?: string,
];

/** Rows of an answer, and the store's version when they were looked up. */
interface Found {
  readonly rows: readonly Row[];
  readonly version: number;
}

export abstract class SqliteReads implements EventReads {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  /** When the first stored event expires, in seconds, as of a version. */
  #expiry = { first: 0, version: -1 };

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  abstract readonly version: number;

  /** Closes the database. No statement runs any more. */
  protected closeDatabase(): void {
    this.#statements.clear();
    this.#database.close();
  }

  together(read: () => void): void {
    this.prepare("BEGIN").run();
    try {
      read();
    } finally {
      this.#endTogether();
    }
  }

  query(filters: readonly Filter[], nowSeconds: number): NostrEvent[] {
    return [...this.texts(filters, nowSeconds)].map((json) => JSON.parse(json) as NostrEvent);
  }

  texts(filters: readonly Filter[], nowSeconds: number): Generator<string, void> {
    return this.#texts({ rows: this.#rowsOf(filters, nowSeconds), version: this.version });
  }

  records(filter: Filter, nowSeconds: number, max: number): TimedIds | null {
    const limit = Math.min(filter.limit ?? max + 1, max + 1);
    const statement = recordsOf(filter, this.#expiredAt(nowSeconds), limit);
    const found =
      statement === null ? null : (this.#get(statement) as Record<"times" | "ids", string | null>);
    // Memory of their own, where numbers of 32 bits begin at a multiple of 4.
    const ids = new Uint8Array(Buffer.from(found?.ids ?? "", "hex"));
    if (ids.length / ID_BYTES > max) return null;
    const dates = new Uint8Array(Buffer.from(found?.times ?? "", "hex"));
    if (IS_LITTLE_ENDIAN) Buffer.from(dates.buffer).swap32();
    const times = new Uint32Array(dates.buffer);
    return { times, ids };
  }

  count(filters: readonly Filter[], nowSeconds: number): number {
    const expiredAt = this.#expiredAt(nowSeconds);
    if (filters.length === 1) {
      const statement = countOf(filters[0]!, expiredAt);
      return statement === null ? 0 : (this.#get(statement) as { count: number }).count;
    }
    // An event counts once. All filters in one statement could have more values than SQLite takes.
    const found = new Set<number>();
    for (const filter of filters) {
      const statement = rowsOf(filter, expiredAt);
      if (statement !== null) for (const { row } of this.#all(statement) as { row: number }[]) found.add(row);
    }
    return found.size;
  }

  get(id: string): NostrEvent | null {
    return this.#one({ sql: "SELECT json FROM event WHERE id = ?", values: [bytesOfHex(id)] });
  }

  newest(kind: number, pubkey: string, identifier: string): NostrEvent | null {
    const sql = "SELECT json FROM event WHERE kind = ? AND identifier = ? AND pubkey = ?";
    return this.#one({ sql, values: [kind, identifier, bytesOfHex(pubkey)] });
  }

  withIdentifier(kind: number, identifier: string): NostrEvent[] {
    // Left to itself, SQLite takes the index that is in this order, and looks at every event of the kind.
    const sql =
      "SELECT json FROM event INDEXED BY event_by_identifier WHERE kind = ? AND identifier = ? ORDER BY created_at DESC, id";
    return (this.prepare(sql).all(kind, identifier) as { json: string }[]).map(
      ({ json }) => JSON.parse(json) as NostrEvent,
    );
  }

  hasEventsOf(author: string): boolean {
    const sql = "SELECT 1 FROM event WHERE pubkey = ? AND kind NOT IN (5, 62) LIMIT 1";
    return this.prepare(sql).get(bytesOfHex(author)) !== undefined;
  }

  stepsTo(target: string): number | null {
    const names = isHex64(target) ? "'e', 'E', 'q'" : "'a', 'A', 'q'";
    const sql = `SELECT 1 FROM tag WHERE name IN (${names}) AND value = ? AND steps = ? LIMIT 1`;
    for (let steps = 0; steps < MAX_STEPS; steps++)
      if (this.prepare(sql).get(target, steps) !== undefined) return steps;
    return null;
  }

  isDeletedAddress(address: string): boolean {
    return this.prepare("SELECT 1 FROM deleted_address WHERE address = ?").get(address) !== undefined;
  }

  remembered(id: string, nowSeconds: number): Remembered | null {
    const sql = "SELECT what FROM remembered WHERE id = ? AND (until IS NULL OR until > ?)";
    const row = this.prepare(sql).get(bytesOfHex(id), nowSeconds) as { what: Remembered } | undefined;
    return row?.what ?? null;
  }

  refusal(event: NostrEvent, nowSeconds: number): ReturnType<EventReads["refusal"]> {
    return refusalOf((sql) => this.prepare(sql), event, nowSeconds);
  }

  ended(owner: string, identifier: string): Dated | null {
    return endedState((sql) => this.prepare(sql), owner, identifier);
  }

  held(repository: string): { event: NostrEvent; steps: number }[] {
    const rows = this.prepare("SELECT json, steps FROM held WHERE repository = ?").all(repository);
    return (rows as { json: string; steps: number }[])
      .map(({ json, steps }) => ({ event: JSON.parse(json) as NostrEvent, steps }))
      .sort((a, b) => a.event.created_at - b.event.created_at);
  }

  hasHeld(repository: string): boolean {
    const sql =
      "SELECT 1 FROM held WHERE repository = ?1 UNION ALL SELECT 1 FROM held_set WHERE repository = ?1 LIMIT 1";
    return this.prepare(sql).get(repository) !== undefined;
  }

  heldSets(identifier: string): Map<string, ReadonlySet<string>> {
    const rows = this.prepare("SELECT repository, members FROM held_set WHERE identifier = ?").all(
      identifier,
    );
    return new Map(
      (rows as { repository: string; members: string }[]).map(({ repository, members }) => [
        repository.slice(0, repository.indexOf("/")),
        new Set(JSON.parse(members) as string[]),
      ]),
    );
  }

  hasHeldBy(author: string): boolean {
    const sql = "SELECT 1 FROM held WHERE json_extract(json, '$.pubkey') = ? LIMIT 1";
    return this.prepare(sql).get(author) !== undefined;
  }

  heldFor(): { repository: string; events: number; untilSeconds: number }[] {
    const sql =
      "SELECT repository, count(*) AS events, max(until) AS untilSeconds FROM held GROUP BY repository ORDER BY repository";
    return this.prepare(sql).all() as { repository: string; events: number; untilSeconds: number }[];
  }

  bans(): string[] {
    const rows = this.prepare("SELECT target FROM ban ORDER BY target").all() as { target: string }[];
    return rows.map(({ target }) => target);
  }

  backups(owner: string, identifier: string): Backup[] {
    const sql = "SELECT json FROM backup WHERE owner = ? AND identifier = ? ORDER BY at DESC";
    const rows = this.prepare(sql).all(bytesOfHex(owner), identifier) as { json: string }[];
    return rows.map(({ json }) => JSON.parse(json) as Backup);
  }

  *journal(): Generator<Entry> {
    for (const row of this.prepare("SELECT entry FROM journal").all()) {
      yield JSON.parse((row as unknown as { entry: string }).entry) as Entry;
    }
  }

  intents(): Intent[] {
    return this.prepare("SELECT id, plan FROM intent ORDER BY id")
      .all()
      .map((row) => {
        const { id, plan } = row as unknown as { id: number; plan: string };
        return { id, plan: JSON.parse(plan) as Json };
      });
  }

  #endTogether(): void {
    try {
      this.prepare("COMMIT").run();
    } catch {
      // SQLite ended the transaction by itself where a read failed. That error is the one that is thrown.
    }
  }

  /** The time, if an event may be expired at it: without one, no row is looked at for its expiry. */
  #expiredAt(nowSeconds: number): number | null {
    if (this.#expiry.version !== this.version) {
      const sql = "SELECT min(expires_at) AS first FROM event WHERE expires_at IS NOT NULL";
      const { first } = this.prepare(sql).get() as { first: number | null };
      this.#expiry = { first: first ?? Number.POSITIVE_INFINITY, version: this.version };
    }
    return this.#expiry.first <= nowSeconds ? nowSeconds : null;
  }

  /** The rows of an answer, each once, in their order. */
  #rowsOf(filters: readonly Filter[], nowSeconds: number): Row[] {
    const expiredAt = this.#expiredAt(nowSeconds);
    if (filters.length === 1) return this.#select(filters[0]!, expiredAt, false);
    return ordered(filters.flatMap((filter) => this.#select(filter, expiredAt, true)));
  }

  /** Rows of one filter. Where our maximum ends the answer, the events of its last second are added (R72). */
  #select(filter: Filter, expiredAt: number | null, withId: boolean): Row[] {
    const limit = Math.min(filter.limit ?? MAX_LIMIT, MAX_LIMIT);
    if (limit === 0) return [];
    const rows = this.#newest(filter, expiredAt, limit, withId);
    const isCut = rows.length === MAX_LIMIT && (filter.limit === undefined || filter.limit > MAX_LIMIT);
    if (!isCut) return rows;
    const last = rows.at(-1)![1];
    const second = { ...filter, since: last, until: last };
    const ofLastSecond = this.#newest(second, expiredAt, MAX_LAST_SECOND, withId);
    return [...rows.filter(([, at]) => at > last), ...ofLastSecond];
  }

  #newest(filter: Filter, expiredAt: number | null, limit: number, withId: boolean): Row[] {
    const statements = selectsOf(filter, expiredAt, limit, withId);
    const [first, ...others] = statements;
    if (first === undefined) return [];
    const rows = this.#rows(first);
    for (const other of others) rows.push(...this.#rows(other));
    return statements.length > 1 ? ordered(rows).slice(0, limit) : rows;
  }

  *#texts({ rows, version }: Found): Generator<string, void> {
    const sql = "SELECT json FROM event WHERE row = ?";
    for (const [row, , json] of rows) {
      if (json !== null && version === this.version) {
        yield json;
        continue;
      }
      // A long one, or it may be deleted meanwhile.
      const found = this.prepare(sql).get(row) as { json: string } | undefined;
      if (found !== undefined) yield found.json;
    }
  }

  /** Rows of {@link selectsOf}, whose statements nothing else uses. */
  #rows({ sql, values }: Statement): Row[] {
    const statement = this.prepare(sql);
    statement.setReturnArrays(true);
    return statement.all(...values) as unknown as Row[];
  }

  #all({ sql, values }: Statement): unknown[] {
    return this.prepare(sql).all(...values);
  }

  #get({ sql, values }: Statement): unknown {
    return this.prepare(sql).get(...values);
  }

  #one(statement: Statement): NostrEvent | null {
    const row = this.#get(statement) as { json: string } | undefined;
    return row === undefined ? null : (JSON.parse(row.json) as NostrEvent);
  }

  /** Prepares a statement, or takes one that is prepared. */
  protected prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear();
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** Each row once, newest first, equal times by smaller id (R17, R67). */
function ordered(rows: readonly Row[]): Row[] {
  const each = new Map(rows.map((row) => [row[0], row]));
  return [...each.values()].sort(([, a, , x], [, b, , y]) => b - a || (x! < y! ? -1 : 1));
}
