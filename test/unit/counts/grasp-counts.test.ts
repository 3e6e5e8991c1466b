/**
 * The work of a relay for each kind of request: statements of SQLite that read and write, hashes, and signature checks. How many Git
 * processes a request starts is in `test/runtimes/grasp/counts.test.ts`. A request that costs more than its figure here must say what
 * it buys.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StatementSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { readFilter } from "../../../runtime/grasp/events/filter.ts";
import type { Grasp } from "../../../runtime/grasp/grasp.ts";
import type { EventStore } from "../../../runtime/grasp/ports.ts";
import { EVERYTHING } from "../../../runtime/grasp/release/releases.ts";
import type { DiskRepositories } from "../../../worker/grasp/repositories.ts";
import { sqliteEventStore } from "../../../worker/grasp/store/event-store.ts";
import { type WorkTree, workTree } from "../../support/git.ts";
import { graspOn, repositoriesIn, verifyEvent } from "../../support/grasp.ts";
import { announcementBy, MAIN, stateBy } from "../../support/grasp-server.ts";
import { author } from "../../support/nostr.ts";

const owner = author();
const reader = author();
const address = `30617:${owner.key}:repo`;
const folder = mkdtempSync(join(tmpdir(), "millrace-counts-"));
let store: EventStore;
let grasp: Grasp;
let repositories: DiskRepositories;
let work: WorkTree;
const done = { reads: 0, writes: 0, hashes: 0, signatures: 0 };
const spies = (["get", "all", "iterate", "run"] as const).map((name) =>
  vi.spyOn(StatementSync.prototype, name),
);

/** What a task costs. */
async function costOf(task: () => unknown): Promise<typeof done> {
  const [get, all, iterate, run] = spies;
  for (const spy of spies) spy.mockClear();
  Object.assign(done, { hashes: 0, signatures: 0 });
  await task();
  const reads = get!.mock.calls.length + all!.mock.calls.length + iterate!.mock.calls.length;
  return { ...done, reads, writes: run!.mock.calls.length };
}

const submit = (event: NostrEvent) => grasp.submit(event, { source: "direct", address: "192.0.2.1" });
const issue = (text: string) =>
  reader.sign(
    1621,
    [
      ["a", address],
      ["p", owner.key],
      ["subject", text],
    ],
    text,
  );
const again = issue("again");
const now = () => Math.floor(Date.now() / 1000);

beforeAll(async () => {
  work = workTree(folder);
  store = sqliteEventStore({
    path: join(folder, "grasp.db"),
    clock: { now: Date.now, after: () => () => {} },
  });
  ({ repositories } = await repositoriesIn(join(folder, "data")));
  grasp = graspOn(
    { store, repositories },
    (event) => {
      done.signatures++;
      return verifyEvent(event);
    },
    Date.now,
    () => done.hashes++,
  );
  await submit(announcementBy(owner));
  const commit = work.commit("a", "one");
  await submit(stateBy(owner, { [MAIN]: commit }));
  const quarantine = await repositories.open(owner.key, "repo")!.receive(
    (async function* () {
      yield work.pack([commit]);
    })(),
    [{ id: commit, isBranch: false }],
    { maxBytes: 1e7, maxObjects: 1e4 },
  );
  if ("fault" in quarantine) throw new Error(JSON.stringify(quarantine.fault));
  await quarantine.quarantine.adopt();
  await grasp.newGitData("repo", EVERYTHING);
  expect(await submit(again)).toMatchObject({ ok: true, text: "" });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await store.close();
  rmSync(folder, { recursive: true });
});

const events: Record<string, () => NostrEvent> = {
  "an issue": () => issue("another"),
  "an event that is here": () => again,
  "a forged signature": () => ({ ...issue("forged"), sig: again.sig }),
  "an id that is not the event's": () => ({ ...issue("changed"), content: "other" }),
  "a comment": () => reader.sign(1111, [...ofIssue("E", "K", "P"), ...ofIssue("e", "k", "p")], "a comment"),
  "what does not belong here": () => reader.sign(1621, [["a", `30617:${reader.key}:elsewhere`]], "elsewhere"),
  "an announcement that waits": () => announcementBy(reader, "other"),
  "a state that waits": () => stateBy(owner, { [MAIN]: "1".repeat(40) }, "repo", now() + 10),
  "a deletion": () => reader.sign(5, [["e", again.id]]),
};
const ofIssue = (id: string, kind: string, key: string) => [
  [id, again.id],
  [kind, "1621"],
  [key, reader.key],
];

test.each([
  ["an issue", { reads: 8, writes: 3, hashes: 1, signatures: 1 }],
  ["an event that is here", { reads: 1, writes: 0, hashes: 1, signatures: 0 }],
  ["a forged signature", { reads: 2, writes: 0, hashes: 1, signatures: 1 }],
  ["an id that is not the event's", { reads: 0, writes: 0, hashes: 1, signatures: 0 }],
  ["a comment", { reads: 8, writes: 7, hashes: 1, signatures: 1 }],
  ["what does not belong here", { reads: 7, writes: 0, hashes: 1, signatures: 1 }],
  ["an announcement that waits", { reads: 30, writes: 3, hashes: 1, signatures: 1 }],
  ["a state that waits", { reads: 27, writes: 1, hashes: 1, signatures: 1 }],
  ["a deletion", { reads: 17, writes: 4, hashes: 1, signatures: 1 }],
] as const)("%s", async (name, expected) => {
  const event = events[name]!();
  expect(await costOf(() => submit(event))).toEqual(expected);
});

test.each([
  ["by id", { ids: [again.id] }],
  ["by author and kind", { authors: [reader.key], kinds: [1621] }],
  ["by #a", { "#a": [address], limit: 100 }],
  ["by kind", { kinds: [30617] }],
  ["without conditions", {}],
])(
  "a query %s reads once, whatever is found; after a write once more for what may have expired",
  async (_, json) => {
    const read = readFilter(json);
    if ("fault" in read) throw new Error(read.fault);
    const { filter } = read;
    const events = () => {
      const texts = store.texts([filter], now());
      while (texts.next().done !== true);
    };
    await submit(issue(`before ${JSON.stringify(json)}`));
    const alone = { writes: 0, hashes: 0, signatures: 0 };
    expect(await costOf(events)).toEqual({ reads: 2, ...alone });
    expect(await costOf(events)).toEqual({ reads: 1, ...alone });
    expect(await costOf(() => store.count([filter], now()))).toEqual({ reads: 1, ...alone });
    expect(await costOf(() => store.records(filter, now(), 1000))).toEqual({ reads: 1, ...alone });
  },
);
