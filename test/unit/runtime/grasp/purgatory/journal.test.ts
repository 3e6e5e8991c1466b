import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import type { NostrEvent } from "../../../../../runtime/grasp/events/event.ts";
import { Happenings } from "../../../../../runtime/grasp/happenings.ts";
import type { EventStore, StoreChanges } from "../../../../../runtime/grasp/ports.ts";
import type { From } from "../../../../../runtime/grasp/purgatory/entry.ts";
import { StoreJournal } from "../../../../../runtime/grasp/purgatory/journal.ts";
import { Purgatory } from "../../../../../runtime/grasp/purgatory/purgatory.ts";
import { GroupCommit } from "../../../../../worker/grasp/store/group-commit.ts";
import { AUTHORS, state } from "../life/cast.ts";
import { COMMITS } from "../life/commits.ts";

const FROM: From = { source: "sync", address: null };
const [AUTHOR = ""] = AUTHORS;

/** Purgatory over the group commit of the database, whose next commits can fail. */
function purgatoryOnDisk() {
  const database = new DatabaseSync(":memory:");
  const disk = { isFull: false, nowMs: 0 };
  const failing = {
    exec(sql: string) {
      if (sql === "COMMIT" && disk.isFull) throw new Error("disk full");
      database.exec(sql);
    },
  } as DatabaseSync;
  const changes = { journalPut() {}, journalRemove() {} } as unknown as StoreChanges;
  const group = new GroupCommit({
    database: failing,
    changes,
    clock: { now: () => 0, after: () => () => {} },
  });
  const store = { transaction: (work: (all: StoreChanges) => unknown) => group.run(work) };
  const journal = new StoreJournal(store as unknown as EventStore, new Happenings());
  return { disk, journal, purgatory: new Purgatory(journal, () => disk.nowMs) };
}

const stateAt = (at: number): NostrEvent => state(AUTHOR, "one", [["refs/heads/main", COMMITS[0]!]], at);

test("transactions of one turn that fail together leave memory as it was before the first (P27, N14)", async () => {
  const { disk, journal, purgatory } = purgatoryOnDisk();
  const event = stateAt(0);
  await journal.change(() => purgatory.addState(event, "one", FROM));
  const before = purgatory.states("one");
  const { bytes } = purgatory;

  disk.isFull = true;
  const minute = async (nowMs: number) => {
    disk.nowMs = nowMs;
    return journal.change(() => purgatory.submittedByClient(purgatory.event(event.id)!, `192.0.2.${nowMs}`));
  };
  const remove = journal.change(() => purgatory.remove(purgatory.event(event.id)!, "deleted"));
  const add = journal.change(() => purgatory.addState(event, "one", FROM));
  const results = await Promise.allSettled([minute(1), minute(2), remove, add]);

  expect(results.map(({ status }) => status)).toEqual(Array(4).fill("rejected"));
  expect(purgatory.states("one")).toEqual(before);
  expect([purgatory.size("state"), purgatory.bytes]).toEqual([1, bytes]);
});

test("what a transaction did before it threw is not seen by the next one of its turn (P27)", async () => {
  const { journal, purgatory } = purgatoryOnDisk();
  const event = stateAt(0);
  await journal.change(() => purgatory.addState(event, "one", FROM));
  const throwing = journal.change(() => {
    purgatory.remove(purgatory.event(event.id)!, "released");
    throw new Error("refused");
  });
  const next = journal.change(() => purgatory.event(event.id)?.event.id ?? null);
  expect(await Promise.allSettled([throwing, next])).toMatchObject([
    { status: "rejected" },
    { status: "fulfilled", value: event.id },
  ]);
  expect(purgatory.size("state")).toBe(1);
});
