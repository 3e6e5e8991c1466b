/**
 * Filters of NIP-01 as SQL. A filter with few values becomes one statement for each index entry that it names: each reads the
 * newest rows in order and stops at the limit, whatever else is stored.
 * @module
 */
import { Buffer } from "node:buffer";
import type { StatementSync } from "node:sqlite";
import { type Filter, matchesNothing } from "../../../runtime/grasp/events/filter.ts";

/** Largest number of stored events that one filter brings (table of limits). */
export const MAX_LIMIT = 500;
/** Largest number of events that are added so that an answer does not end within a second (R72). */
export const MAX_LAST_SECOND = 5000;
/** Bytes of an event that is read with its row. Longer ones are read one by one, when they are sent. */
const SHORT_BYTES = 4096;
/** Largest number of statements of one filter. With more values, one statement reads and sorts all that match. */
const MAX_STATEMENTS = 64;

/**
 * The limit of a statement. Where it is a bare value, SQLite looks at the value when it plans, and prepares the statement again whenever
 * a value is bound: two thirds of the time of a query by id.
 */
const LIMIT = "LIMIT ? + 0";

/** Prepares a statement, or takes one that is prepared. */
export type Prepare = (sql: string) => StatementSync;

/** A statement with its values. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly Value[];
}

type Value = string | number | Uint8Array;

/** Bytes of an id or key. */
export function bytesOfHex(hex: string): Uint8Array {
  return Buffer.from(hex, "hex");
}

/** The parts of a `WHERE`. */
class Where {
  readonly parts: string[] = [];
  readonly values: Value[] = [];

  add(sql: string, ...values: readonly Value[]): void {
    this.parts.push(sql);
    this.values.push(...values);
  }

  oneOf(column: string, given: readonly Value[]): void {
    const list = padded(given);
    this.add(list.length === 1 ? `${column} = ?` : `${column} IN (${marks(list)})`, ...list);
  }

  toString(): string {
    return this.parts.length === 0 ? "" : `WHERE ${this.parts.join(" AND ")}`;
  }
}

/** Lists are filled up to a power of two, so that there are few different statements to prepare. */
function padded(list: readonly Value[]): readonly Value[] {
  const length = 2 ** Math.ceil(Math.log2(list.length));
  return [...list, ...new Array<Value>(length - list.length).fill(list.at(-1)!)];
}

function marks(list: readonly unknown[]): string {
  return list.map(() => "?").join(", ");
}

/** Which list of a filter finds its events: it has few values, and each is the beginning of an index. */
type Driver =
  | { readonly kind: "ids" | "all" }
  | { readonly kind: "tag"; readonly letter: string; readonly values: readonly string[] }
  | {
      readonly kind: "columns";
      readonly pairs: readonly { readonly author?: string; readonly of?: number }[];
    };

function driverOf({ ids, authors, kinds, tags }: Filter): Driver {
  if (ids !== undefined) return { kind: "ids" };
  const pairs = (authors === undefined ? [undefined] : [...authors]).flatMap((author) =>
    (kinds === undefined ? [undefined] : [...kinds]).map((of) => ({
      ...(author === undefined ? {} : { author }),
      ...(of === undefined ? {} : { of }),
    })),
  );
  const fits = pairs.length <= MAX_STATEMENTS;
  // An identifier may be anybody's; what else a tag names is rarer than an author's events.
  const letters = [...tags].sort(
    ([a, x], [b, y]) => Number(a === "d") - Number(b === "d") || x.size - y.size,
  );
  const [letter, values] = letters[0] ?? ["", new Set<string>()];
  const isTagBest = letter !== "" && !(letter === "d" && authors !== undefined && fits);
  if (isTagBest && values.size <= MAX_STATEMENTS) return { kind: "tag", letter, values: [...values] };
  return fits && letters.length === 0
    ? { kind: "columns", pairs }
    : fits && authors !== undefined
      ? { kind: "columns", pairs }
      : { kind: "all" };
}

/** The conditions of a filter beside those of its driver. */
function addRest(
  where: Where,
  filter: Filter,
  expiredAt: number | null,
  skip: { tag?: string; columns?: true },
): void {
  if (expiredAt !== null) where.add("(e.expires_at IS NULL OR e.expires_at > ?)", expiredAt);
  if (filter.ids !== undefined) where.oneOf("e.id", [...filter.ids].map(bytesOfHex));
  if (!skip.columns) {
    if (filter.authors !== undefined) where.oneOf("e.pubkey", [...filter.authors].map(bytesOfHex));
    if (filter.kinds !== undefined) where.oneOf("e.kind", [...filter.kinds]);
  }
  const time = skip.tag === undefined ? "e.created_at" : "t.created_at";
  if (filter.since !== undefined) where.add(`${time} >= ?`, filter.since);
  if (filter.until !== undefined) where.add(`${time} <= ?`, filter.until);
  for (const [letter, wanted] of filter.tags) {
    if (letter === skip.tag) continue;
    const list = padded([...wanted]);
    // The event's time is in the index, so that each value is one look-up.
    where.add(
      `EXISTS (SELECT 1 FROM tag x WHERE x.name = ? AND x.value IN (${marks(list)}) AND x.created_at = e.created_at AND x.event = e.row)`,
      letter,
      ...list,
    );
  }
}

const COLUMNS = `e.row AS row, e.created_at AS at, CASE WHEN octet_length(e.json) <= ${SHORT_BYTES} THEN e.json END AS json`;
/** The commonest question. Its text is made once. */
const BY_ID = `SELECT ${COLUMNS} FROM event e WHERE e.id = ?`;

/** Whether a filter names one id and nothing else. Its limit is not 0. */
function isOneId(filter: Filter): filter is Filter & { readonly ids: ReadonlySet<string> } {
  const { ids, authors, kinds, since, until, tags } = filter;
  const isAlone = authors === undefined && kinds === undefined && since === undefined && until === undefined;
  return ids?.size === 1 && isAlone && tags.size === 0;
}

/**
 * Statements whose rows, each newest first, are together the events of a filter: `row`, `at`, `json` of a short event, and where rows
 * of several statements come together, `id` in hex: bytes take four times as long as all else.
 * @param limit the filter's own or ours, the smaller; it holds for each statement
 * @param expiredAt the time, if an event may be expired at it; `null`: none is
 * @param withId whether the rows have ids though there is one statement
 */
export function selectsOf(
  filter: Filter,
  expiredAt: number | null,
  limit: number,
  withId: boolean,
): Statement[] {
  if (matchesNothing(filter)) return [];
  if (expiredAt === null && !withId && isOneId(filter))
    return [{ sql: BY_ID, values: [...filter.ids].map(bytesOfHex) }];
  const driver = driverOf(filter);
  const isOne =
    driver.kind === "tag"
      ? driver.values.length === 1
      : driver.kind !== "columns" || driver.pairs.length === 1;
  const columns = `${COLUMNS}${isOne && !withId ? "" : ", hex(e.id) AS id"}`;
  const statement = (from: string, where: Where, time: string): Statement => ({
    sql: `SELECT ${columns} FROM ${from} ${where} ORDER BY ${time} DESC, e.id ${LIMIT}`,
    values: [...where.values, limit],
  });
  if (driver.kind === "tag") {
    return driver.values.map((value) => {
      const where = new Where();
      where.add("t.name = ? AND t.value = ?", driver.letter, value);
      addRest(where, filter, expiredAt, { tag: driver.letter });
      return statement("tag t CROSS JOIN event e ON e.row = t.event", where, "t.created_at");
    });
  }
  if (driver.kind === "columns") {
    return driver.pairs.map(({ author, of }) => {
      const where = new Where();
      if (author !== undefined) where.add("e.pubkey = ?", bytesOfHex(author));
      if (of !== undefined) where.add("e.kind = ?", of);
      addRest(where, filter, expiredAt, { columns: true });
      return statement("event e", where, "e.created_at");
    });
  }
  const where = new Where();
  addRest(where, filter, expiredAt, {});
  return [statement("event e", where, "e.created_at")];
}

/** Where the events that match a filter are found. */
interface Source {
  readonly from: string;
  readonly where: Where;
  /** The column of the events' times that the index has in order. */
  readonly time: string;
  /** Whether an event may be found more than once. */
  readonly repeats: boolean;
}

/** All events that match a filter; `null`: it matches nothing. */
function allOf(filter: Filter, expiredAt: number | null): Source | null {
  if (matchesNothing(filter)) return null;
  const where = new Where();
  const [letter] = filter.ids === undefined ? [...filter.tags.keys()] : [];
  if (letter === undefined) {
    addRest(where, filter, expiredAt, {});
    return { from: "event e", where, time: "e.created_at", repeats: false };
  }
  // A tag's events are found by the tag; else each event would be looked at.
  const values = filter.tags.get(letter)!;
  where.add("t.name = ?", letter);
  where.oneOf("t.value", [...values]);
  addRest(where, filter, expiredAt, { tag: letter });
  const from = "tag t CROSS JOIN event e ON e.row = t.event";
  return { from, where, time: "t.created_at", repeats: values.size > 1 };
}

/** The rows of the events that match a filter; `null`: it matches nothing. */
export function rowsOf(filter: Filter, expiredAt: number | null): Statement | null {
  const all = allOf(filter, expiredAt);
  if (all === null) return null;
  const { from, where, repeats } = all;
  return {
    sql: `SELECT ${repeats ? "DISTINCT " : ""}e.row AS row FROM ${from} ${where}`,
    values: where.values,
  };
}

/** A count of the events that match a filter; `null`: it matches nothing. */
export function countOf(filter: Filter, expiredAt: number | null): Statement | null {
  const rows = rowsOf(filter, expiredAt);
  return rows && { sql: `SELECT count(*) AS count FROM (${rows.sql})`, values: rows.values };
}

/**
 * Times and ids of the events that match a filter, the newest `limit` of them, the oldest first, as two texts: 8 and 64 hex digits for
 * each event. That is a third of the work of a row for each, and SQLite's order saves one in JavaScript. `null`: the filter matches nothing.
 */
export function recordsOf(filter: Filter, expiredAt: number | null, limit: number): Statement | null {
  const all = allOf(filter, expiredAt);
  if (all === null) return null;
  const { from, where, time, repeats } = all;
  const newest = `SELECT ${repeats ? "DISTINCT " : ""}${time} AS at, e.id AS id FROM ${from} ${where} ORDER BY ${time} DESC, e.id ${LIMIT}`;
  return {
    sql: `SELECT group_concat(printf('%08x', at), '') AS times, group_concat(hex(id), '') AS ids FROM (SELECT at, id FROM (${newest}) ORDER BY at, id)`,
    values: [...where.values, limit],
  };
}
