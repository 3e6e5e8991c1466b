/**
 * Filters of NIP-01 as SQL.
 * @module
 */
import { type Filter, matchesNothing } from "../../../runtime/grasp/events/filter.ts";

/** Largest number of stored events that one filter brings (table of limits). */
export const MAX_LIMIT = 500;
/** Largest number of events that are added so that an answer does not end within a second (R72). */
export const MAX_LAST_SECOND = 5000;

/** A statement with its values. */
export interface Statement {
  readonly sql: string;
  readonly values: (string | number | Uint8Array)[];
}

/** Bytes of an id or key. */
export function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}

/** The condition that a filter is; `null`: it matches nothing. */
function conditionOf(filter: Filter, nowSeconds: number): Statement | null {
  if (matchesNothing(filter)) return null;
  const parts = ["(expires_at IS NULL OR expires_at > ?)"];
  const values: Statement["values"] = [nowSeconds];
  const oneOf = (column: string, list: Iterable<string | number | Uint8Array>) => {
    const given = [...list];
    parts.push(`${column} IN (${given.map(() => "?").join(", ")})`);
    values.push(...given);
  };
  if (filter.ids !== undefined) oneOf("id", [...filter.ids].map(bytesOfHex));
  if (filter.authors !== undefined) oneOf("pubkey", [...filter.authors].map(bytesOfHex));
  if (filter.kinds !== undefined) oneOf("kind", filter.kinds);
  if (filter.since !== undefined) {
    parts.push("created_at >= ?");
    values.push(filter.since);
  }
  if (filter.until !== undefined) {
    parts.push("created_at <= ?");
    values.push(filter.until);
  }
  for (const [letter, wanted] of filter.tags) {
    const given = [...wanted];
    parts.push(
      `row IN (SELECT event FROM tag WHERE name = ? AND value IN (${given.map(() => "?").join(", ")}))`,
    );
    values.push(letter, ...given);
  }
  return { sql: parts.join(" AND "), values };
}

/** Rows of one filter, newest first; `null`: the filter matches nothing. @param limit the filter's own or ours, the smaller */
export function selectOf(filter: Filter, nowSeconds: number, limit: number): Statement | null {
  const condition = conditionOf(filter, nowSeconds);
  if (condition === null) return null;
  const sql = `SELECT created_at, json FROM event WHERE ${condition.sql} ORDER BY created_at DESC, id LIMIT ?`;
  return { sql, values: [...condition.values, limit] };
}

/** A count of the events that match any of the filters; `null`: they match nothing. */
export function countOf(filters: readonly Filter[], nowSeconds: number): Statement | null {
  const conditions = filters.map((filter) => conditionOf(filter, nowSeconds)).filter((one) => one !== null);
  if (conditions.length === 0) return null;
  const sql = conditions.map((one) => `(${one.sql})`).join(" OR ");
  return {
    sql: `SELECT count(*) AS count FROM event WHERE ${sql}`,
    values: conditions.flatMap((one) => one.values),
  };
}
