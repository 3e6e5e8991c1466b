import { DatabaseSync } from "node:sqlite";
import { afterEach, expect, test } from "vitest";
import { type Filter, readFilter } from "../../../../../runtime/grasp/events/filter.ts";
import { recordsOf, selectsOf } from "../../../../../worker/grasp/store/queries.ts";
import { SCHEMA } from "../../../../../worker/grasp/store/schema.ts";

const KEY = "ab".repeat(32);
const database = new DatabaseSync(":memory:");
database.exec(SCHEMA);
let looks = 0;
// SQLite asks it while it prepares a statement, and never while one runs.
database.setAuthorizer(() => {
  looks++;
  return 0;
});
afterEach(() => {
  looks = 0;
});

test("every question by one id is the same statement, and no other question is", () => {
  const select = (given: object) => {
    const { filter } = readFilter(given) as { filter: Filter };
    return selectsOf(filter, null, 100, false)[0]!;
  };
  const other = "cd".repeat(32);
  const [first, second] = [select({ ids: [KEY] }), select({ ids: [other], limit: 3 })];
  expect(first.sql).toBe(second.sql);
  expect([first.values, second.values]).toEqual([[Buffer.from(KEY, "hex")], [Buffer.from(other, "hex")]]);
  const more = [{ kinds: [1] }, { authors: [KEY] }, { since: 1 }, { until: 1 }, { "#e": [KEY] }];
  for (const part of more) expect(select({ ids: [KEY], ...part }).sql).not.toBe(first.sql);
});

test.each([
  ["ids", { ids: [KEY] }],
  ["authors and kinds", { authors: [KEY], kinds: [1111] }],
  ["a tag", { "#a": [`30617:${KEY}:name`], limit: 100 }],
  ["times", { since: 1, until: 2 }],
])("a statement for %s is prepared once, whatever values follow", (_name, given) => {
  const { filter } = readFilter(given) as { filter: Filter };
  const statements = [...selectsOf(filter, null, 100, false), recordsOf(filter, null, 100)!];
  for (const { sql, values } of statements) {
    const prepared = database.prepare(sql);
    expect(looks).toBeGreaterThan(0);
    looks = 0;
    prepared.all(...values);
    prepared.all(...values);
    expect(looks).toBe(0);
  }
});
