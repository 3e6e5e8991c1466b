/** `millrace grasp clean` (O16), on real Git, a real database and a clock that the test advances. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Grasp } from "../../../../../runtime/grasp/grasp.ts";
import { toNpub } from "../../../../../runtime/grasp/npub.ts";
import type { EventStore } from "../../../../../runtime/grasp/ports.ts";
import type { Row, Running } from "../../../../../worker/grasp/control/verb.ts";
import { clean } from "../../../../../worker/grasp/control/verbs/clean.ts";
import type { DiskRepositories } from "../../../../../worker/grasp/repositories.ts";
import { sqliteEventStore } from "../../../../../worker/grasp/store/event-store.ts";
import { type WorkTree, workTree } from "../../../../support/git.ts";
import { graspOn, repositoriesIn, verifyEvent } from "../../../../support/grasp.ts";
import { type ManualClock, manualClock } from "../../../../support/manual-clock.ts";
import { type Author, author } from "../../../../support/nostr.ts";

const DIRECT = { source: "direct", address: "192.0.2.1" } as const;
const BOUNDS = { maxBytes: 10_000_000, maxObjects: 10_000 };
const MAIN = "refs/heads/main";
const START_SECONDS = 1_800_000_000;

let folder: string;
let work: WorkTree;
let clock: ManualClock;
let store: EventStore;
let repositories: DiskRepositories;
let grasp: Grasp;
let [used, empty, stray]: [Author, Author, Author] = [author(), author(), author()];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-clean-"));
  work = workTree(folder);
  clock = manualClock(START_SECONDS * 1000);
  store = sqliteEventStore({ path: join(folder, "grasp.db"), clock });
  ({ repositories } = await repositoriesIn(join(folder, "data")));
  grasp = graspOn({ store, repositories }, verifyEvent, () => clock.now());
  await grasp.start();
  [used, empty, stray] = [author(), author(), author()];
  // One repository in use; one whose only state was withdrawn, so that it has no ref; one that no announcement belongs to.
  for (const by of [used, empty]) await serve(by);
  const withdrawal = empty.sign(30618, [["d", "repo"]], "", START_SECONDS + 1);
  expect((await grasp.submit(withdrawal, DIRECT)).ok).toBe(true);
  const refs = (await repositories.open(empty.key, "repo")!.refs()).refs;
  const removed = [...refs].map(([ref, old]) => ({ ref, old, new: "0".repeat(40) }));
  expect(await repositories.open(empty.key, "repo")!.updateRefs(removed)).toBe(true);
  await repositories.create(stray.key, "repo");
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

/** Announces, states and delivers a repository. */
async function serve(by: Author): Promise<void> {
  const tags = [
    ["d", "repo"],
    ["clone", `https://git.example/${toNpub(by.key)}/repo.git`],
    ["relays", "wss://git.example"],
  ];
  expect((await grasp.submit(by.sign(30617, tags, "", START_SECONDS), DIRECT)).ok).toBe(true);
  const commit = work.commit("a", by.key);
  const refs = [
    ["d", "repo"],
    [MAIN, commit],
    ["HEAD", `ref: ${MAIN}`],
  ];
  expect((await grasp.submit(by.sign(30618, refs, "", START_SECONDS), DIRECT)).ok).toBe(true);
  async function* bytes() {
    yield work.pack([commit]);
  }
  const received = await repositories
    .open(by.key, "repo")!
    .receive(bytes(), [{ id: commit, isBranch: true }], BOUNDS);
  if (!("quarantine" in received)) throw new Error("the pack was refused");
  await received.quarantine.adopt();
  await grasp.newGitData("repo", { repository: by.key, ids: new Set([commit]) });
}

/** Runs the command. @param meanwhile called between its two looks */
async function run(values: Record<string, true>, meanwhile = async () => {}): Promise<Row[]> {
  const rows: Row[] = [];
  const running = { parts: { host: { clock } }, core: { grasp } } as unknown as Running;
  const progress: string[] = [];
  const ended = clean.run(values, running, {
    row: (row) => rows.push(row),
    text: () => {},
    progress: (text) => progress.push(text),
    signal: new AbortController().signal,
  });
  if (values.execute) {
    while (progress.length === 0) await new Promise((done) => setTimeout(done, 5));
    clock.advance(59_999);
    await meanwhile();
    expect(rows).toEqual([]);
    clock.advance(1);
  }
  await ended;
  return rows;
}
const nameOf = (by: Author) => `${toNpub(by.key)}/repo`;
const isHere = (by: Author) => repositories.open(by.key, "repo") !== null;

test("without --execute it only lists: empty repositories, and with --orphans those without an announcement (O16)", async () => {
  expect(await run({})).toEqual([{ repository: nameOf(empty), why: "no_refs" }]);
  const listed = await run({ orphans: true });
  expect(listed.length).toBe(2);
  expect(listed).toEqual(
    expect.arrayContaining([
      { repository: nameOf(empty), why: "no_refs" },
      { repository: nameOf(stray), why: "no_announcement" },
    ]),
  );
  expect([isHere(used), isHere(empty), isHere(stray)]).toEqual([true, true, true]);
});

test("with --execute it looks twice, 60 s apart, and holds what is still unused (O16)", async () => {
  const rows = await run({ execute: true, orphans: true });
  expect(rows.map(({ outcome }) => outcome)).toEqual(["held", "held"]);
  expect([isHere(used), isHere(empty), isHere(stray)]).toEqual([true, false, false]);
  // Of the empty one the events are held: it has no objects.
  const held = (await grasp.operator.held()).map(({ owner, hasRepository }) => [owner, hasRepository]);
  expect(held).toEqual(
    [
      [empty.key, false],
      [stray.key, true],
    ].sort(([a], [b]) => (a! < b! ? -1 : 1)),
  );
});

test("a caller who left before the second look changes nothing (O16)", async () => {
  const left = AbortSignal.abort(new Error("the caller left"));
  const running = { parts: { host: { clock } }, core: { grasp } } as unknown as Running;
  const output = { row: () => {}, text: () => {}, progress: () => {}, signal: left };
  await expect(clean.run({ execute: true }, running, output)).rejects.toThrow("the caller left");
  expect(isHere(empty)).toBe(true);
});

test("what is used between the two looks is kept (O16)", async () => {
  const rows = await run({ execute: true }, () => serveAgain(empty));
  expect(rows).toEqual([]);
  expect(isHere(empty)).toBe(true);
});

async function serveAgain(by: Author): Promise<void> {
  const refs = [
    ["d", "repo"],
    [MAIN, work.commit("a", "later")],
    ["HEAD", `ref: ${MAIN}`],
  ];
  // It waits for its objects: the repository is needed.
  expect((await grasp.submit(by.sign(30618, refs, "", START_SECONDS + 2), DIRECT)).ok).toBe(true);
}
