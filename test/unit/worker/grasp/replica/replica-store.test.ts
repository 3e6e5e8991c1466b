import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import { type Filter, readFilter } from "../../../../../runtime/grasp/events/filter.ts";
import type { EventStore } from "../../../../../runtime/grasp/ports.ts";
import type { Entry } from "../../../../../runtime/grasp/purgatory/entry.ts";
import { openReplicaStore, type ReplicaStore } from "../../../../../worker/grasp/replica/replica-store.ts";
import { sqliteEventStore } from "../../../../../worker/grasp/store/event-store.ts";
import { StartError } from "../../../../../worker/serve/start-error.ts";
import { manualClock } from "../../../../support/manual-clock.ts";

const NOW = 1_800_000_000;
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
let folder: string;
let path: string;
let writer: EventStore;
let replica: ReplicaStore;
let nowMs = 0;
const told: string[] = [];
const save = (one: NostrEvent) => writer.transaction((changes) => changes.save(one, NOW));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-replica-store-"));
  path = join(folder, "grasp.db");
  writer = sqliteEventStore({ path, clock: manualClock() });
  nowMs = 0;
  replica = openReplicaStore({ path, nowSeconds: () => NOW, nowMs: () => nowMs });
  told.length = 0;
  replica.onServed = ({ id }) => told.push(id);
});
afterEach(async () => {
  replica.close();
  await writer.close();
  rmSync(folder, { recursive: true });
});

test("tells each event that is served since its start, once and in order, and none that is expired or replaced", async () => {
  const [first, second] = [event({ created_at: 9 }), event({ created_at: 3 })];
  await save(first);
  await save(second);
  replica.look();
  replica.look();
  expect(told.splice(0)).toEqual([first.id, second.id]);
  const [old, fresh] = [event({ kind: 0, created_at: 1 }), event({ kind: 0, created_at: 2 })];
  await save(old);
  await save(fresh);
  await writer.transaction((changes) =>
    changes.save(event({ tags: [["expiration", String(NOW)]] }), NOW - 10),
  );
  replica.look();
  expect(told).toEqual([fresh.id]);
  const other = openReplicaStore({ path, nowSeconds: () => NOW, nowMs: () => nowMs });
  const heard: NostrEvent[] = [];
  other.onServed = (one) => void heard.push(one);
  other.look();
  other.close();
  expect(heard).toEqual([]);
});

test("a query tells older subscribers first, of exactly what it has: an event comes once (R18)", async () => {
  const one = event();
  await save(one);
  const texts = replica.texts([filter({ authors: [key(1)] })], NOW);
  expect(told).toEqual([one.id]);
  // What comes now is told, and is not in the answer.
  const next = event();
  await save(next);
  expect([...texts].map((text) => JSON.parse(text).id)).toEqual([one.id]);
  replica.look();
  expect(told).toEqual([one.id, next.id]);
});

test("reads together look once, and see one moment (R18)", async () => {
  const one = event();
  await save(one);
  const found: string[][] = [];
  const read = () => void found.push(replica.query([filter({ authors: [key(1)] })], NOW).map(({ id }) => id));
  const [early, late] = [event({ created_at: 90 }), event({ created_at: 80 })];
  await save(early);
  replica.together(() => {
    expect(told).toEqual([one.id, early.id]);
    read();
  });
  await save(late);
  replica.together(() => {
    read();
    read();
  });
  expect(found).toEqual([
    [one.id, early.id],
    [one.id, early.id, late.id],
    [one.id, early.id, late.id],
  ]);
  expect(told).toEqual([one.id, early.id, late.id]);
});

test("an answer leaves out what is deleted while it is sent", async () => {
  const [one, two] = [event({ created_at: 2 }), event({ created_at: 1 })];
  await save(one);
  await save(two);
  const texts = replica.texts([filter({ kinds: [1] })], NOW);
  expect(JSON.parse(texts.next().value!).id).toBe(one.id);
  await writer.transaction((changes) => changes.remove(two.id, null));
  replica.look();
  expect(texts.next().done).toBe(true);
});

test("the version changes with each of the writer's commits", async () => {
  const before = replica.look();
  expect(replica.look()).toBe(before);
  await writer.transaction((changes) => changes.ban("someone"));
  const after = replica.look();
  expect(after).not.toBe(before);
  expect(replica.version).toBe(after);
  expect(replica.count([filter({ kinds: [1] })], NOW)).toBe(0);
});

test("an idle replica asks only whether something changed", () => {
  const statement = Object.getPrototypeOf(new DatabaseSync(":memory:").prepare("SELECT 1"));
  const [get, all] = [vi.spyOn(statement, "get"), vi.spyOn(statement, "all")];
  try {
    for (let looks = 0; looks < 100; looks++) replica.look();
    expect(get).toHaveBeenCalledTimes(100);
    expect(all).not.toHaveBeenCalled();
  } finally {
    get.mockRestore();
    all.mockRestore();
  }
});

test("purgatory is followed, and a long journal is read rarely", async () => {
  const entry: Entry = {
    store: "state",
    event: event({ kind: 30618 }),
    identifier: "repo",
    ...{ arrivedMs: 1, deadlineMs: 2, source: "direct", address: null },
  };
  await writer.transaction((changes) => changes.journalPut("one", entry));
  replica.look();
  expect(replica.waiting.states("repo")).toEqual([entry]);
  expect(replica.query([filter({ kinds: [30618] })], NOW)).toEqual([]);

  // A reading of 3 ms.
  await writer.transaction((changes) => changes.journalPut("two", entry));
  const rows = vi.spyOn(replica.waiting, "take").mockImplementation(() => {
    nowMs += 3;
    return 0;
  });
  replica.look();
  await writer.transaction((changes) => changes.journalRemove("one"));
  for (nowMs = 4; nowMs < 33; nowMs++) replica.look();
  expect(rows).toHaveBeenCalledTimes(1);
  replica.look();
  expect(rows).toHaveBeenCalledTimes(2);
});

test("a database that is absent, none, or of another version is told of with what to do (O1)", () => {
  const open = (name: string) =>
    openReplicaStore({ path: join(folder, name), nowSeconds: () => NOW, nowMs: () => 0 });
  expect(() => open("absent.db")).toThrow(StartError);
  writeFileSync(
    join(folder, "text.db"),
    "this is no database, and it is longer than a header would be ".repeat(20),
  );
  expect(() => open("text.db")).toThrow(StartError);
  const older = new DatabaseSync(join(folder, "older.db"));
  older.exec("CREATE TABLE event (row INTEGER PRIMARY KEY AUTOINCREMENT)");
  older.close();
  expect(() => open("older.db")).toThrow(/no such table.*same version/s);
});
