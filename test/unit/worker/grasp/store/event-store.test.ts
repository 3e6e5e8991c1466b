import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import { type Filter, matches, readFilter } from "../../../../../runtime/grasp/events/filter.ts";
import type { EventStore } from "../../../../../runtime/grasp/ports.ts";
import { sqliteEventStore } from "../../../../../worker/grasp/store/event-store.ts";
import { SCHEMA } from "../../../../../worker/grasp/store/schema.ts";
import { manualClock } from "../../../../support/manual-clock.ts";

const NOW = 1_800_000_000;
const clock = {
  now: Date.now,
  after(ms: number, callback: () => void) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
const key = (n: number) => n.toString(16).padStart(64, "0");
let serial = 0;
const event = (part: Partial<NostrEvent> = {}): NostrEvent => ({
  id: key(++serial),
  pubkey: key(1),
  created_at: 100,
  kind: 1,
  tags: [],
  content: "",
  sig: "0".repeat(128),
  ...part,
});
const filter = (given: object) => (readFilter(given) as { filter: Filter }).filter;
let store: EventStore;
const save = (one: NostrEvent, now = NOW) => store.transaction((changes) => changes.save(one, now));
const ids = (given: object, now = NOW) => store.query([filter(given)], now).map(({ id }) => id);

beforeEach(() => {
  store = sqliteEventStore({ path: ":memory:", clock });
});
afterEach(() => store.close());

describe("query", () => {
  test("newest first, equal times by smaller id, each event once (R17, R67)", async () => {
    const list = [
      event({ created_at: 1, id: key(7) }),
      event({ created_at: 2, id: key(9) }),
      event({ created_at: 2, id: key(8) }),
    ];
    for (const one of list) await save(one);
    expect(store.query([filter({}), filter({ kinds: [1] })], NOW).map(({ id }) => id)).toEqual([
      key(8),
      key(9),
      key(7),
    ]);
  });

  test("limit holds for each filter by itself (R67); 0 brings nothing", async () => {
    for (let n = 0; n < 5; n++) await save(event({ created_at: n, kind: n % 2 }));
    expect(ids({ limit: 2 })).toHaveLength(2);
    expect(ids({ limit: 0 })).toEqual([]);
    expect(
      store.query([filter({ kinds: [0], limit: 1 }), filter({ kinds: [1], limit: 1 })], NOW),
    ).toHaveLength(2);
  });

  test("our maximum is 500, and all events of its last second are added (R72)", async () => {
    await store.transaction((changes) => {
      for (let n = 0; n < 700; n++) changes.save(event({ created_at: n < 300 ? 5 : 10 }), NOW);
    });
    expect(ids({})).toHaveLength(700);
    expect(ids({ limit: 500 })).toHaveLength(500);
  });

  test("an expired event is not served any more (R12)", async () => {
    await save(event({ tags: [["expiration", String(NOW + 10)]] }));
    expect([ids({}, NOW).length, ids({}, NOW + 10).length]).toEqual([1, 0]);
    expect(await save(event({ tags: [["expiration", String(NOW)]] }))).toEqual({
      outcome: "refused",
      reason: "expired",
    });
  });

  test("finds what a slow model finds", async () => {
    const few = fc.integer({ min: 0, max: 3 });
    const given = fc.record(
      {
        ids: fc.array(
          few.map((n) => key(n + 1000)),
          { maxLength: 3 },
        ),
        authors: fc.array(few.map(key), { maxLength: 2 }),
        kinds: fc.array(few, { maxLength: 2 }),
        since: few,
        until: few,
        "#t": fc.array(few.map(String), { maxLength: 2 }),
        "#A": fc.array(few.map(String), { maxLength: 2 }),
      },
      { requiredKeys: [] },
    );
    const events = Array.from({ length: 40 }, (_, n) =>
      event({
        id: key(1000 + n),
        pubkey: key(n % 4),
        created_at: n % 3,
        kind: (n >> 2) % 4,
        tags: [["t", String(n % 4)], ["A", String((n >> 1) % 4)], ["tt", "0"], ["t"]],
      }),
    );
    for (const one of events) await save(one);
    const stored = events.filter((one) => store.get(one.id) !== null);
    fc.assert(
      fc.property(fc.array(given, { minLength: 1, maxLength: 3 }), (list) => {
        const filters = list.map(filter);
        const expected = stored.filter((one) => filters.some((each) => matches(each, one)));
        expect(new Set(store.query(filters, NOW).map(({ id }) => id))).toEqual(
          new Set(expected.map(({ id }) => id)),
        );
        expect(store.count(filters, NOW)).toBe(expected.length);
      }),
    );
  });
});

describe("save", () => {
  test("a known event is a duplicate", async () => {
    const one = event();
    expect([await save(one), await save(one)]).toEqual([
      { outcome: "stored", gone: [] },
      { outcome: "duplicate" },
    ]);
  });

  test("the newer version of an address replaces the older; at equal times the smaller id wins (R54)", async () => {
    const state = (created_at: number, id: string) =>
      event({ kind: 30618, tags: [["d", "repo"]], created_at, id });
    await save(state(5, key(50)));
    expect(await save(state(4, key(40)))).toEqual({ outcome: "refused", reason: "older" });
    expect(await save(state(5, key(60)))).toEqual({ outcome: "refused", reason: "older" });
    expect(await save(state(5, key(45)))).toMatchObject({ outcome: "stored", gone: [{ id: key(50) }] });
    expect(store.newest(30618, key(1), "repo")?.id).toBe(key(45));
    await save(event({ kind: 30618, tags: [["d", "repo"]], pubkey: key(2) }));
    expect(store.withIdentifier(30618, "repo")).toHaveLength(2);
  });

  test("only the seven fields are kept (R64)", async () => {
    const one = { ...event(), extra: "x" };
    await save(one);
    expect(store.get(one.id)).not.toHaveProperty("extra");
  });
});

describe("deletion (R56)", () => {
  test("by id: the author's own only, and it does not come back", async () => {
    const [own, foreign] = [event(), event({ pubkey: key(2) })];
    await save(own);
    await save(foreign);
    const deletion = event({
      kind: 5,
      tags: [
        ["e", own.id],
        ["e", foreign.id],
      ],
    });
    expect(await save(deletion)).toEqual({ outcome: "stored", gone: [own] });
    expect(store.remembered(own.id, NOW)).toBe("deleted");
    expect(await save(own)).toEqual({ outcome: "refused", reason: "deleted" });
    expect(store.get(foreign.id)).not.toBeNull();
  });

  test("by address: versions up to the deletion's time, an identifier with colons too (T50)", async () => {
    const version = (created_at: number) => event({ kind: 30617, tags: [["d", "a:b"]], created_at });
    await save(version(10));
    await save(event({ kind: 5, created_at: 20, tags: [["a", `30617:${key(1)}:a:b`]] }));
    expect(store.newest(30617, key(1), "a:b")).toBeNull();
    expect(await save(version(20))).toEqual({ outcome: "refused", reason: "deleted" });
    expect(await save(version(21))).toEqual({ outcome: "stored", gone: [] });
  });

  test("an older deletion does not reopen what a newer one closed", async () => {
    const deletion = (created_at: number) =>
      event({ kind: 5, created_at, tags: [["a", `30617:${key(1)}:repo`]] });
    await save(deletion(20));
    await save(deletion(10));
    expect(await save(event({ kind: 30617, tags: [["d", "repo"]], created_at: 15 }))).toMatchObject({
      outcome: "refused",
    });
  });

  test("of another author's address has no effect (T25)", async () => {
    const one = event({ kind: 30617, tags: [["d", "repo"]] });
    await save(one);
    await save(event({ kind: 5, pubkey: key(2), created_at: 200, tags: [["a", `30617:${key(1)}:repo`]] }));
    expect(store.get(one.id)).not.toBeNull();
  });

  test("of a deletion does nothing, nor of a request to vanish (R71)", async () => {
    const [deletion, vanish] = [event({ kind: 5 }), event({ kind: 62, created_at: 1 })];
    await save(deletion);
    await save(vanish);
    await save(
      event({
        kind: 5,
        tags: [
          ["e", deletion.id],
          ["e", vanish.id],
        ],
      }),
    );
    expect([store.get(deletion.id), store.get(vanish.id)]).not.toContain(null);
  });
});

test("a request to vanish removes everything up to its time, and keeps it away (R62, R71)", async () => {
  const [old, later] = [event({ created_at: 5 }), event({ created_at: 30 })];
  await save(old);
  await save(later);
  const request = event({ kind: 62, created_at: 20 });
  expect(await save(request)).toEqual({ outcome: "stored", gone: [old] });
  expect(await save(event({ created_at: 20 }))).toEqual({ outcome: "refused", reason: "vanished" });
  expect(ids({}).sort()).toEqual([later.id, request.id].sort());
});

describe("transactions", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "millrace-grasp-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("one that throws changes nothing; the next one runs", async () => {
    const one = event();
    const failed = store.transaction((changes) => {
      changes.save(one, NOW);
      changes.journalPut("k", { store: "state" } as never);
      throw new Error("no");
    });
    await expect(failed).rejects.toThrow("no");
    expect([store.get(one.id), [...store.journal()]]).toEqual([null, []]);
    expect(await save(one)).toMatchObject({ outcome: "stored" });
  });

  test("a release is one change: the event is saved and leaves the journal (P28); it is there after a restart", async () => {
    const path = join(folder, "grasp.db");
    const first = sqliteEventStore({ path, clock });
    const one = event({ kind: 30618, tags: [["d", "repo"]] });
    const entry = { store: "state", event: one, identifier: "repo" } as never;
    const intent = await first.transaction((changes) => {
      changes.journalPut("e:1", entry);
      changes.journalPut("e:2", entry);
      return changes.beginIntent({ refs: [] });
    });
    await first.transaction((changes) => {
      changes.save(one, NOW);
      changes.journalRemove("e:1");
    });
    await first.close();
    const again = sqliteEventStore({ path, clock });
    expect([again.get(one.id)?.id, [...again.journal()], again.intents()]).toEqual([
      one.id,
      [entry],
      [{ id: intent, plan: { refs: [] } }],
    ]);
    await again.transaction((changes) => changes.endIntent(intent));
    expect(again.intents()).toEqual([]);
    await again.close();
  });

  test("waits for another process that writes, and reads meanwhile (O36)", async () => {
    const path = join(folder, "grasp.db");
    const shared = sqliteEventStore({ path, clock });
    const one = event();
    await shared.transaction((changes) => changes.save(one, NOW));
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    const waiting = shared.transaction((changes) => changes.save(event(), NOW));
    expect(shared.get(one.id)).not.toBeNull();
    other.exec("ROLLBACK");
    expect(await waiting).toMatchObject({ outcome: "stored" });
    other.close();
    await shared.close();
  });

  test("each minute a write-ahead log of more than 16 MiB is emptied, also while answers are read (O35)", async () => {
    const path = join(folder, "log.db");
    const manual = manualClock();
    const large = sqliteEventStore({ path, clock: manual });
    const log = () => statSync(`${path}-wal`).size / 1024 ** 2;
    const events = (count: number) =>
      large.transaction((changes) => {
        for (let n = 0; n < count; n++) changes.save(event({ content: "x".repeat(1024 ** 2) }), NOW);
      });
    await events(10);
    // Nothing is emptied below the bound.
    manual.advance(60_000);
    expect(log()).toBeGreaterThan(10);
    await events(18);
    expect(log()).toBeGreaterThan(16);
    // An answer that a client has read in part.
    const answer = large.texts([filter({})], NOW);
    answer.next();
    manual.advance(59_000);
    expect(log()).toBeGreaterThan(16);
    manual.advance(1_000);
    let rest = 0;
    while (!answer.next().done) rest++;
    expect([log(), rest]).toEqual([0, 27]);
    await large.close();
  });

  test("the write-ahead log is cut to 64 MiB (O35)", () => {
    const database = new DatabaseSync(join(folder, "limited.db"));
    database.exec(SCHEMA);
    expect(database.prepare("PRAGMA journal_size_limit").get()).toEqual({
      journal_size_limit: 64 * 1024 ** 2,
    });
    database.close();
  });

  test("the page cache takes at most 8 MiB", () => {
    const database = new DatabaseSync(join(folder, "cached.db"));
    database.exec(SCHEMA);
    expect(database.prepare("PRAGMA cache_size").get()).toEqual({ cache_size: -8192 });
    database.close();
  });

  test("a file that is no database stops the start (P33, T68)", () => {
    const path = join(folder, "damaged.db");
    writeFileSync(path, "this is no database, and long enough to be looked at as one ".repeat(20));
    expect(() => sqliteEventStore({ path, clock })).toThrow(/not a database/);
  });
});

test("an expired id is remembered until its time (P18, P24)", async () => {
  await store.transaction((changes) => changes.rememberExpired(key(5), NOW + 10));
  expect([store.remembered(key(5), NOW), store.remembered(key(5), NOW + 10)]).toEqual(["expired", null]);
});

describe("what hangs on what (R51, R59)", () => {
  test("the fewest steps of an event that refers to an id or address; the first 50 references count", async () => {
    const target = key(900_000);
    const [far, near, none] = [event({ tags: [["q", target]] }), event({ tags: [["e", target]] }), event()];
    await store.transaction((changes) => changes.save(far, NOW, 2));
    expect(store.stepsTo(target)).toBe(2);
    await save(near);
    expect(store.stepsTo(target)).toBe(0);
    const many = event({ tags: Array.from({ length: 60 }, (_, n) => ["e", key(800_000 + n)]) });
    await save(many);
    expect([49, 50].map((n) => store.stepsTo(key(800_000 + n)))).toEqual([0, null]);
    await save(event({ tags: [["a", `30000:${key(2)}:x`]] }));
    expect([store.stepsTo(`30000:${key(2)}:x`), store.stepsTo(none.id)]).toEqual([0, null]);
  });

  test("an event that is 3 steps away leads no further", async () => {
    await store.transaction((changes) => changes.save(event({ tags: [["e", key(700_000)]] }), NOW, 3));
    expect(store.stepsTo(key(700_000))).toBeNull();
  });

  test.each([0, 5, 62, 1984, 10_002, 10_317])("kind %i opens no door (R50, T15)", async (kind) => {
    await save(event({ kind, tags: [["e", key(600_000)]] }));
    expect(store.stepsTo(key(600_000))).toBeNull();
  });

  test("held events are in no answer, and come back with their repository", async () => {
    const [one, other] = [event({ tags: [["e", key(500_000)]] }), event()];
    await save(one);
    await save(other);
    await store.transaction((changes) => changes.hold([one.id, other.id], "owner/repo", NOW + 100));
    expect([ids({}), store.get(one.id), store.stepsTo(key(500_000))]).toEqual([[], null, null]);
    // Its author deletes one meanwhile.
    await save(event({ kind: 5, tags: [["e", other.id]] }));
    expect([store.hasHeld("owner/repo"), store.hasHeld("owner/other")]).toEqual([true, false]);
    expect(store.held("owner/repo")).toEqual([{ event: one, steps: 0 }]);
    await store.transaction((changes) => changes.endHold(one.id));
    expect([store.held("owner/repo"), store.hasHeld("owner/repo")]).toEqual([[], false]);
  });

  test("what is held too long is gone", async () => {
    const one = event();
    await save(one);
    await store.transaction((changes) => {
      changes.hold([one.id], "owner/repo", NOW + 100);
      changes.holdSet(`${key(1)}/repo`, new Set([key(1), key(2)]), NOW + 100);
    });
    await store.transaction((changes) => changes.removeExpired(NOW + 99));
    expect([store.held("owner/repo").length, store.heldSets("repo").size]).toEqual([1, 1]);
    await store.transaction((changes) => changes.removeExpired(NOW + 100));
    expect([store.held("owner/repo").length, store.heldSets("repo").size]).toEqual([0, 0]);
  });

  test("the sets of held repositories are known by identifier until they are held no more (R60)", async () => {
    const sets = [new Set([key(1), key(2)]), new Set([key(3)])] as const;
    await store.transaction((changes) => {
      changes.holdSet(`${key(1)}/repo`, new Set([key(1)]), NOW + 100);
      changes.holdSet(`${key(1)}/repo`, sets[0], NOW + 100);
      changes.holdSet(`${key(3)}/repo`, sets[1], NOW + 100);
      changes.holdSet(`${key(1)}/other`, sets[0], NOW + 100);
    });
    expect(store.heldSets("repo")).toEqual(
      new Map([
        [key(1), sets[0]],
        [key(3), sets[1]],
      ]),
    );
    await store.transaction((changes) => changes.endHoldSet(`${key(1)}/repo`));
    expect([[...store.heldSets("repo").keys()], store.heldSets("other").size]).toEqual([[key(3)], 1]);
  });
});

test("expired events are removed, not only hidden (R12)", async () => {
  const [short, long] = [NOW + 10, NOW + 20].map((end) => event({ tags: [["expiration", String(end)]] }));
  await save(short!);
  await save(long!);
  const removed = await store.transaction((changes) => changes.removeExpired(NOW + 10));
  expect(removed.map(({ id }) => id)).toEqual([short!.id]);
  expect([store.get(short!.id), store.get(long!.id)?.id]).toEqual([null, long!.id]);
});

test("records of backups are read newest first, bounded, and end after 30 days (N21, N24)", async () => {
  const backup = (atMs: number, refs = 1) => ({
    atMs,
    cause: { id: key(7), author: key(8) },
    refs: Array.from({ length: refs }, (_, n): [string, string] => [`refs/heads/${n}`, "a".repeat(40)]),
    head: "refs/heads/main",
  });
  const add = (identifier: string, ...all: ReturnType<typeof backup>[]) =>
    store.transaction((changes) => {
      for (const one of all) changes.addBackup(key(1), identifier, one);
    });
  const times = (identifier: string) => store.backups(key(1), identifier).map(({ atMs }) => atMs);
  await add("a", backup(1), backup(3), backup(2, 2));
  expect(times("a")).toEqual([3, 2, 1]);
  expect(store.backups(key(1), "a")[1]).toEqual(backup(2, 2));
  expect([times("b"), store.backups(key(2), "a")]).toEqual([[], []]);
  // A repeated step changes nothing (N13).
  await add("a", backup(3));
  expect(times("a")).toEqual([3, 2, 1]);

  await add("b", ...Array.from({ length: 1005 }, (_, n) => backup(n)));
  expect([times("b").length, times("b").at(-1), times("a").length]).toEqual([1000, 5, 3]);
  // A record that is large by itself stays, and takes the place of the others.
  await add("b", backup(2000, 300_000));
  expect(times("b")).toEqual([2000]);

  const [first, second] = [NOW * 1000, NOW * 1000 + 5];
  await store.transaction((changes) => changes.removeBackups(key(1), "b", 2000));
  await add("b", backup(first), backup(second));
  const month = 30 * 24 * 60 * 60;
  await store.transaction((changes) => changes.removeExpired(NOW + month));
  expect([times("a"), times("b")]).toEqual([[], [second]]);
});

test("a deletion that comes before its target holds for its author's events (R56)", async () => {
  const one = event();
  await save(event({ kind: 5, pubkey: key(2), tags: [["e", one.id]] }));
  expect(await save(one)).toMatchObject({ outcome: "stored" });
  const other = event();
  await save(event({ kind: 5, tags: [["e", other.id]] }));
  expect(await save(other)).toEqual({ outcome: "refused", reason: "deleted" });
});

describe("reads together", () => {
  test("see what single reads see, and a write follows them", async () => {
    const one = event();
    await save(one);
    let found: string[] = [];
    store.together(() => {
      found = [...ids({ ids: [one.id] }), ...ids({ ids: [key(9999)] }), ...ids({ kinds: [1] })];
    });
    expect(found).toEqual([one.id, one.id]);
    expect(await save(event())).toMatchObject({ outcome: "stored" });
  });

  test("the error of one is thrown, and reads and writes go on", async () => {
    const fault = () => {
      throw new Error("the reader's");
    };
    expect(() => store.together(fault)).toThrow("the reader's");
    const one = event();
    await save(one);
    store.together(() => expect(ids({})).toEqual([one.id]));
  });
});

test("an answer is read while it is sent; what is removed meanwhile is left out, and nothing new comes in", async () => {
  const [a, b, c] = [event({ created_at: 3 }), event({ created_at: 2 }), event({ created_at: 1 })];
  for (const one of [a, b, c]) await save(one);
  const texts = store.texts([filter({})], NOW);
  expect(JSON.parse(texts.next().value as string)).toEqual(a);
  await save(
    event({
      kind: 5,
      tags: [
        ["e", b.id],
        ["e", c.id],
      ],
    }),
  );
  await save(event({ created_at: 1 }));
  expect(texts.next()).toEqual({ done: true, value: undefined });
});

test("records for negentropy: the oldest first, at most so many, the newest of a limit (R23)", async () => {
  for (const at of [5, 1, 3]) await save(event({ id: key(at), created_at: at, kind: at === 3 ? 2 : 1 }));
  const times = (given: object, max = 10) => {
    const records = store.records(filter(given), NOW, max);
    return records && [...records.times];
  };
  expect([times({}), times({ kinds: [1] }), times({ limit: 2 }), times({ kinds: [] })]).toEqual([
    [1, 3, 5],
    [1, 5],
    [3, 5],
    [],
  ]);
  expect([times({}, 2), times({}, 3)]).toEqual([null, [1, 3, 5]]);
  expect(Buffer.from(store.records(filter({ kinds: [2] }), NOW, 5)!.ids).toString("hex")).toBe(key(3));
});

test("a filter with 2,000 values of each list, and 100 of them, are answered (T27)", async () => {
  const one = event({ tags: [["t", "1"]] });
  await save(one);
  const keys = Array.from({ length: 999 }, (_, n) => key(n + 1));
  const given = { authors: keys, "#t": Array.from({ length: 999 }, (_, n) => String(n)) };
  const filters = Array.from({ length: 100 }, () => filter(given));
  expect(store.query(filters, NOW).map(({ id }) => id)).toEqual([one.id]);
  expect(store.count(filters, NOW)).toBe(1);
});
