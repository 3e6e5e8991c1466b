/**
 * What a request costs does not depend on what else is here: no statement of SQLite walks through a table, no request looks at all that
 * waits, and an event is compared with the filters alone that name something of it. The charts are those of `npm run growth`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { type Filter, readFilter } from "../../../runtime/grasp/events/filter.ts";
import { DEADLINES_MS } from "../../../runtime/grasp/purgatory/deadlines.ts";
import { EntryIndex } from "../../../runtime/grasp/purgatory/entry-index.ts";
import { Subscriptions } from "../../../runtime/grasp/relay/subscriptions.ts";
import { openPlace, type Place } from "../../bench/growth/grasp/place.ts";
import { announcementBy, MAIN, stateBy } from "../../support/grasp-server.ts";
import { type Author, author } from "../../support/nostr.ts";
import { COMMITS } from "../runtime/grasp/life/commits.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-flat-"));
const path = join(folder, "grasp.db");
const prepared = vi.spyOn(DatabaseSync.prototype, "prepare");
const walked = vi.spyOn(EntryIndex.prototype, "values");
let place: Place;
let owner: Author;
let laterMs = 0;

/** What a start reads as a whole, and the operator's bans, which are few. */
const READ_WHOLE = /FROM (?:journal|intent|ban)\b/;

beforeAll(async () => {
  place = openPlace(path, () => Date.now() + laterMs);
  await place.grasp.start();
  owner = await place.host("repo");
});
afterAll(async () => {
  vi.restoreAllMocks();
  await place.close();
  rmSync(folder, { recursive: true });
});

const submit = (event: NostrEvent) => place.grasp.submit(event, { source: "direct", address: "192.0.2.1" });
const address = () => `30617:${owner.key}:repo`;
const issue = (by: Author) =>
  by.sign(
    1621,
    [
      ["a", address()],
      ["p", owner.key],
    ],
    "an issue",
  );
const pullRequest = (by: Author, commit: string) =>
  by.sign(1618, [
    ["a", address()],
    ["c", commit],
  ]);
const now = () => Math.floor(Date.now() / 1000);

/** Everything that a client may send, and what makes it matter. */
const courses: Record<string, () => Promise<unknown>> = {
  "an issue, and its deletion": async () => {
    const by = author();
    const event = issue(by);
    expect(await submit(event)).toMatchObject({ ok: true });
    await submit(by.sign(5, [["e", event.id]]));
  },
  "an announcement that waits, and its deletion": async () => {
    const by = author();
    expect(await submit(announcementBy(by, "other"))).toMatchObject({ ok: true });
    await submit(by.sign(5, [["a", `30617:${by.key}:other`]]));
  },
  "a state that waits, and its release": async () => {
    expect(await submit(stateBy(owner, { [MAIN]: COMMITS[0]! }))).toMatchObject({ ok: true });
    place.disk.repositories.get(`${owner.key}/repo`)!.objects.add(COMMITS[0]!);
    const { released } = await place.grasp.newGitData("repo", {
      repository: owner.key,
      ids: new Set([COMMITS[0]!]),
    });
    expect(released).toHaveLength(1);
  },
  "a PR that waits": async () => {
    expect(await submit(pullRequest(author(), COMMITS[5]!))).toMatchObject({ ok: true });
  },
  "a request to vanish": async () => {
    const by = author();
    await submit(pullRequest(by, COMMITS[6]!));
    expect(await submit(by.sign(62, [["relay", "ALL_RELAYS"]]))).toMatchObject({ ok: true });
    expect(place.grasp.purgatory.hasOf(by.key)).toBe(false);
  },
};

/** A look at every row of a table or index. */
const EVERY_ROW = /^SCAN (?!CONSTANT ROW|\(subquery)/;
/** The same, or a look at every event of a kind. */
const EVERY_OF_A_KIND = new RegExp(`${EVERY_ROW.source}|INDEX event_by_kind `);

/** The statements that were prepared and that look at more than what they name. */
function walking(walk = EVERY_OF_A_KIND): string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const statements = new Set(prepared.mock.calls.map(([sql]) => sql));
    return [...statements].filter(
      (sql) =>
        !/^EXPLAIN/.test(sql) &&
        !READ_WHOLE.test(sql) &&
        (database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[]).some(({ detail }) =>
          walk.test(detail),
        ),
    );
  } finally {
    database.close();
  }
}

test.each(Object.keys(courses))("%s: no table and no purgatory is walked through", async (name) => {
  // Statements that are prepared already are in the list, too: each store keeps its own.
  walked.mockClear();
  await courses[name]!();
  expect(walked).not.toHaveBeenCalled();
  expect(walking()).toEqual([]);
});

test("an announcement that expires, and its repository that ends, look once at all that waits: in the sweep", async () => {
  const by = author();
  for (let i = 0; i < 5; i++) await submit(announcementBy(by, `expiring-${i}`));
  laterMs = DEADLINES_MS.arrival + 1;
  walked.mockClear();
  await place.grasp.sweep();
  laterMs = 0;
  expect(place.disk.repositories.has(`${by.key}/expiring-0`)).toBe(false);
  expect(walked).toHaveBeenCalledTimes(1);
});

test.each([
  ["by id", { ids: ["1".repeat(64)] }],
  ["by author", { authors: ["1".repeat(64)] }],
  ["by author and kind", { authors: ["1".repeat(64)], kinds: [1111] }],
  ["by kind", { kinds: [1111], limit: 10 }],
  ["by #a", { "#a": ["30617:x:y"], limit: 100 }],
  ["by #a, kind and author", { "#a": ["30617:x:y"], kinds: [1111], authors: ["1".repeat(64)] }],
  ["by #d and kind", { "#d": ["repo"], kinds: [30617] }],
  ["by kind and time", { kinds: [1111], since: 5, until: now() }],
])("a question %s begins at an index", (_, json) => {
  const read = readFilter(json);
  if ("fault" in read) throw new Error(read.fault);
  prepared.mockClear();
  place.store.query([read.filter], now());
  place.store.count([read.filter], now());
  place.store.records(read.filter, now(), 1000);
  // What is counted by its kind is every event of the kind.
  expect(walking(EVERY_ROW)).toEqual([]);
});

/** A filter that counts how often something of it is read. */
function counted(json: object, count: () => void): Filter {
  const read = readFilter(json);
  if ("fault" in read) throw new Error(read.fault);
  return new Proxy(read.filter, {
    get(target, name) {
      count();
      return target[name as keyof Filter];
    },
  });
}

test("an event is compared with no filter that names another author, tag, kind or id (R18)", () => {
  let reads = 0;
  const subscriptions = new Subscriptions<number>();
  const noise = (i: number) => i.toString(16).padStart(64, "0");
  for (let i = 0; i < 300; i++) {
    const filters = [
      { kinds: [1111], "#a": [`30617:${noise(i)}:repo`] },
      { kinds: [1111], authors: [noise(i)] },
      { kinds: [2000 + i] },
      { ids: [noise(i)] },
    ];
    for (const [n, filter] of filters.entries())
      subscriptions.add(4 * i + n, "live", [counted(filter, () => reads++)]);
  }
  const event = author().sign(1111, [["a", "30617:other:repo"]]);
  reads = 0;
  expect([...subscriptions.wanting(event)]).toEqual([]);
  expect(reads).toBe(0);
  subscriptions.add(0, "mine", [counted({ kinds: [1111], "#a": ["30617:other:repo"] }, () => reads++)]);
  reads = 0;
  expect([...subscriptions.wanting(event)]).toEqual([{ subscriber: 0, name: "mine" }]);
  expect(reads).toBeLessThan(20);
});
