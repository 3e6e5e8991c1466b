import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RefusedRow } from "../../../../../runtime/grasp/relay-sync/ports.ts";
import { SqliteMemory } from "../../../../../worker/grasp/relay-sync/memory.ts";
import { sqliteEventStore } from "../../../../../worker/grasp/store/event-store.ts";
import { type ManualClock, manualClock } from "../../../../support/manual-clock.ts";
import { author } from "../../../../support/nostr.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const somebody = author();

let folder: string;
let path: string;
let clock: ManualClock;
let errors: unknown[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-memory-"));
  path = join(folder, "grasp.db");
  clock = manualClock();
  errors = [];
  await sqliteEventStore({ path, clock }).close();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = () => new SqliteMemory({ path, clock, onError: (error) => errors.push(error) });

/** Closes it while the clock runs. */
async function close(memory: SqliteMemory): Promise<void> {
  let isClosed = false;
  const closing = memory.close().then(() => {
    isClosed = true;
  });
  for (let i = 0; i < 2000 && !isClosed; i++) await clock.settle(10);
  await closing;
}

function refused(identifier: string, hotMs: number | null, coldMs = 7 * DAY_MS): RefusedRow {
  const event = somebody.sign(30618, [["d", identifier]], "", 1_700_000_000);
  return {
    id: event.id,
    createdAt: event.created_at,
    kind: event.kind,
    author: event.pubkey,
    identifier,
    relay: "wss://relay.example",
    coldUntilMs: clock.now() + coldMs,
    hot: hotMs === null ? null : { event, untilMs: clock.now() + hotMs },
  };
}

test("refused events, their ids and cursors are there again after a restart, in the order of their putting (L22, L25)", async () => {
  const first = open();
  const rows = [refused("a", 120_000), refused("b", null), refused("__proto__ é", 120_000)];
  for (const row of rows) first.putRefused(row);
  first.putRefused(rows[0]!);
  const gone = refused("gone", null);
  first.putRefused(gone);
  first.removeRefused(gone.id);
  first.putCursor({ url: "wss://a", aliveAtMs: 5.4, historyAtMs: null });
  first.putCursor({ url: "wss://b", aliveAtMs: null, historyAtMs: 5 });
  first.removeCursor("wss://b");
  await close(first);

  const second = open();
  expect([...second.refused()]).toEqual([rows[1], rows[2], rows[0]]);
  expect([...second.cursors()]).toEqual([{ url: "wss://a", aliveAtMs: 5, historyAtMs: null }]);
  second.removeRefused(rows[1]!.id);
  second.removeCursor("wss://a");
  await close(second);
  const third = open();
  expect([[...third.refused()].length, [...third.cursors()]]).toEqual([2, []]);
  await close(third);
  expect(errors).toEqual([]);
});

test("what is over is forgotten at the start: events after their hot time, ids after their cold time (L22)", async () => {
  const first = open();
  const [hot, cold, short] = [refused("hot", DAY_MS), refused("cold", 120_000), refused("short", 10, 60_000)];
  for (const row of [hot, cold, short]) first.putRefused(row);
  await close(first);
  await clock.settle(120_000);
  const second = open();
  expect([...second.refused()]).toEqual([hot, { ...cold, hot: null }]);
  await close(second);
});

test("changes are written together a moment later, in portions, and a crash loses only those (L25)", async () => {
  const memory = open();
  const rows = Array.from({ length: 2500 }, (_, i) => refused(`r-${i}`, null));
  for (const row of rows) memory.putRefused(row);
  const written = () => {
    const database = new DatabaseSync(path);
    const { count } = database.prepare("SELECT count(*) AS count FROM sync_refused").get() as {
      count: number;
    };
    database.close();
    return count;
  };
  await clock.settle(1_900);
  expect(written()).toBe(0);
  clock.advance(100);
  expect(written()).toBe(2500);
  expect([...memory.refused()].map(({ identifier }) => identifier)).toEqual(
    rows.map(({ identifier }) => identifier),
  );
  expect(clock.waiting()).toBe(0);
  await close(memory);
});

test("a file that another process holds is tried again, for 5 s at most (O36)", async () => {
  const memory = open();
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  const row = refused("a", null);
  memory.putRefused(row);
  await clock.settle(4_000);
  other.exec("ROLLBACK");
  await clock.settle(100);
  expect([...memory.refused()]).toEqual([row]);
  other.exec("BEGIN IMMEDIATE");
  memory.putRefused(refused("b", null));
  const closing = close(memory);
  await clock.settle(8_000);
  await closing;
  expect(errors).toHaveLength(1);
  other.exec("ROLLBACK");
  other.close();
});
