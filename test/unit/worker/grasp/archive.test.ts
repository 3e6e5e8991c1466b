/** What an archive keeps when the operator removes a rule (X1, X4, R35), on real Git and a real database. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Archive } from "../../../../runtime/grasp/archive.ts";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import type { Grasp } from "../../../../runtime/grasp/grasp.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import type { EventStore } from "../../../../runtime/grasp/ports.ts";
import { decidePush } from "../../../../runtime/grasp/push.ts";
import { EVERYTHING } from "../../../../runtime/grasp/release/releases.ts";
import type { DiskRepositories } from "../../../../worker/grasp/repositories.ts";
import { sqliteEventStore } from "../../../../worker/grasp/store/event-store.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import { graspOn, repositoriesIn, verifyEvent } from "../../../support/grasp.ts";
import { type Author, author } from "../../../support/nostr.ts";

const SYNC = { source: "sync", address: null } as const;
const MAIN = "refs/heads/main";
const BOUNDS = { maxBytes: 10_000_000, maxObjects: 10_000 };
const NOW_SECONDS = Math.floor(Date.now() / 1000);

let folder: string;
let work: WorkTree;
let store: EventStore;
let repositories: DiskRepositories;
let grasp: Grasp;
let owner: Author;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-archive-"));
  work = workTree(folder);
  store = sqliteEventStore({
    path: join(folder, "grasp.db"),
    clock: { now: Date.now, after: () => () => {} },
  });
  owner = author();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

/** A start with these rules; none: the archive is off. */
async function startWith(...rules: string[]): Promise<void> {
  const archive: Archive | null = rules.length === 0 ? null : { rules: new Set(rules), isReadOnly: true };
  ({ repositories } = await repositoriesIn(join(folder, "data")));
  grasp = graspOn({ store, repositories, archive }, verifyEvent);
  await grasp.start();
}

/** An announcement that lists another server only. */
const announcement = (by: Author, at = 0) =>
  by.sign(
    30617,
    [
      ["d", "repo"],
      ["clone", `https://elsewhere.example/${toNpub(by.key)}/repo.git`],
      ["relays", "wss://elsewhere.example"],
    ],
    "",
    NOW_SECONDS - 100 + at,
  );
const state = (by: Author, commit: string, at = 0) =>
  by.sign(
    30618,
    [
      ["d", "repo"],
      [MAIN, commit],
      ["HEAD", `ref: ${MAIN}`],
    ],
    "",
    NOW_SECONDS - 100 + at,
  );
const submit = (event: NostrEvent) => grasp.submit(event, SYNC);
const isServed = (event: NostrEvent) => store.get(event.id) !== null;

async function objects(commit: string): Promise<void> {
  async function* bytes() {
    yield work.pack([commit]);
  }
  const received = await repositories
    .open(owner.key, "repo")!
    .receive(bytes(), [{ id: commit, isBranch: true }], BOUNDS);
  if ("fault" in received) throw new Error(JSON.stringify(received.fault));
  await received.quarantine.adopt();
  await grasp.newGitData("repo", EVERYTHING);
}

test.each([
  ["another rule", ["someone-else"]],
  ["no rule", []],
])(
  "with %s left, announcement and repository of a removed rule both stay, take no push, and follow newer states (X1, X4)",
  async (_, rules) => {
    await startWith("repo");
    const commit = work.commit("a", "one");
    const [announced, stated] = [announcement(owner), state(owner, commit)];
    for (const event of [announced, stated]) await submit(event);
    await objects(commit);
    expect([announced, stated].map(isServed)).toEqual([true, true]);

    await startWith(...rules);
    expect([announced, stated].map(isServed)).toEqual([true, true]);
    const refs = async () =>
      Object.fromEntries((await grasp.hostedRepository(owner.key, "repo")!.refs()).refs);
    expect(await refs()).toEqual({ [MAIN]: commit });
    const next = work.commit("a", "two");
    const newer = state(owner, next, 10);
    await submit(newer);
    const decision = decidePush(
      owner.key,
      "repo",
      { commands: [{ ref: MAIN, old: commit, new: next }] },
      await grasp.hostedRepository(owner.key, "repo")!.refs(),
      { known: grasp.known, purgatory: grasp.purgatory },
    );
    expect([decision.isGranted, decision.reason]).toEqual([false, "archive"]);
    await objects(next);
    expect([isServed(newer), await refs()]).toEqual([true, { [MAIN]: next }]);
    // Others need a rule.
    expect((await submit(announcement(author()))).ok).toBe(false);
  },
);

test("the next version that does not list us ends a repository without a rule, which is held, and leaves no empty folder (R35)", async () => {
  await startWith("repo");
  const commit = work.commit("a", "one");
  const announced = announcement(owner);
  for (const event of [announced, state(owner, commit)]) await submit(event);
  await objects(commit);
  await startWith();

  await submit(announcement(owner, 10));
  expect([isServed(announced), grasp.hostedRepository(owner.key, "repo")]).toEqual([false, null]);
  const below = (place: string) => readdirSync(join(folder, "data", place));
  expect([below("git"), below("held")]).toEqual([[], [toNpub(owner.key)]]);

  // With the rule back, a later version brings it back.
  await startWith("repo");
  const later = announcement(owner, 20);
  await submit(later);
  expect(isServed(later)).toBe(true);
  expect(existsSync(join(folder, "data/git", toNpub(owner.key), "repo.git"))).toBe(true);
  expect(below("held")).toEqual([]);
});
