/** Undo on real Git and a real database (N21 to N24). */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import type { Grasp } from "../../../../runtime/grasp/grasp.ts";
import type { GraspHappening } from "../../../../runtime/grasp/happenings.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import type { EventStore } from "../../../../runtime/grasp/ports.ts";
import { EVERYTHING } from "../../../../runtime/grasp/release/releases.ts";
import { maintain } from "../../../../worker/grasp/git/maintenance.ts";
import type { DataFolders, DiskRepositories } from "../../../../worker/grasp/repositories.ts";
import { sqliteEventStore } from "../../../../worker/grasp/store/event-store.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import { graspOn, repositoriesIn, verifyEvent } from "../../../support/grasp.ts";
import { author } from "../../../support/nostr.ts";

const DIRECT = { source: "direct", address: "192.0.2.1" } as const;
const MAIN = "refs/heads/main";
const BOUNDS = { maxBytes: 10_000_000, maxObjects: 10_000 };
const DAY_MS = 24 * 60 * 60_000;
const START_SECONDS = Math.floor(Date.now() / 1000);

let folder: string;
let work: WorkTree;
let store: EventStore;
let folders: DataFolders;
let repositories: DiskRepositories;
let grasp: Grasp;
let nowMs: number;
const told: GraspHappening[] = [];
const owner = author();

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-undo-"));
  work = workTree(folder);
  nowMs = START_SECONDS * 1000;
  store = sqliteEventStore({
    path: join(folder, "grasp.db"),
    clock: { now: () => nowMs, after: () => () => {} },
  });
  ({ repositories, folders } = await repositoriesIn(join(folder, "data")));
  grasp = graspOn({ store, repositories }, verifyEvent, () => nowMs);
  await grasp.start();
  told.length = 0;
  grasp.onHappening((happening) => void told.push(happening));
  await submit(announcement());
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const announcement = (at = 0) =>
  owner.sign(
    30617,
    [
      ["d", "repo"],
      ["clone", `https://git.example/${toNpub(owner.key)}/repo.git`],
      ["relays", "wss://git.example"],
    ],
    "",
    START_SECONDS + at,
  );
const submit = (event: NostrEvent) => grasp.submit(event, DIRECT);
const repository = () => repositories.open(owner.key, "repo")!;
const refs = () =>
  Object.fromEntries(
    work
      .git("--git-dir", repository().path, "for-each-ref", "--format=%(refname) %(objectname)")
      .split("\n")
      .map((line) => line.split(" ")),
  ) as Record<string, string>;
const backups = () => Object.entries(refs()).filter(([ref]) => ref.startsWith("refs/millrace/"));

/** Publishes a state and brings its objects, as a push does. */
async function stated(wanted: Record<string, string>, at: number): Promise<NostrEvent> {
  const tags = [["d", "repo"], ...Object.entries(wanted), ["HEAD", `ref: ${MAIN}`]];
  const event = owner.sign(30618, tags, "", START_SECONDS + at);
  await submit(event);
  async function* bytes() {
    yield work.pack(Object.values(wanted));
  }
  const tips = Object.values(wanted).map((id) => ({ id, isBranch: false }));
  const received = await repository().receive(bytes(), tips, BOUNDS);
  if ("fault" in received) throw new Error(JSON.stringify(received.fault));
  await received.quarantine.adopt();
  await grasp.newGitData("repo", EVERYTHING);
  expect(store.get(event.id)).not.toBeNull();
  return event;
}

/** Maintains the repository as a daily turn does. */
async function maintained(): Promise<void> {
  await grasp.undo.endBackups(owner.key, "repo");
  const never = new AbortController().signal;
  await maintain(
    {
      repository: repository(),
      ...folders,
      signal: never,
      nowSeconds: () => Math.floor(nowMs / 1000),
      underLock: (run) => run(),
      isFree: () => true,
    },
    never,
  );
}

/** Two commits on `main` and a branch `x`; then `main` is rewound, and `x` and a tag are deleted. */
async function rewound() {
  const [one, two] = [work.commit("a", "one"), work.commit("a", "two")];
  work.git("checkout", "-q", "-b", "x", one);
  const x = work.commit("b", "x");
  work.git("tag", "-a", "-m", "v", "v", two);
  const v = work.git("rev-parse", "v");
  const before = { [MAIN]: two, "refs/heads/x": x, "refs/tags/v": v };
  await stated({ [MAIN]: one }, 1);
  await stated(before, 2);
  expect(backups()).toEqual([]);
  told.length = 0;
  const cause = await stated({ [MAIN]: one }, 3);
  return { before, cause, one, two, x, v };
}

test("what a state deletes or rewinds is kept in hidden refs, with what was before and the state that caused it (N21)", async () => {
  const { before, cause, one, two, x, v } = await rewound();
  expect(backups()).toEqual([
    [`refs/millrace/backup/${nowMs}/heads/main`, two],
    [`refs/millrace/backup/${nowMs}/heads/x`, x],
    [`refs/millrace/backup/${nowMs}/tags/v`, v],
  ]);
  expect(store.backups(owner.key, "repo")).toEqual([
    {
      atMs: nowMs,
      cause: { id: cause.id, author: owner.key },
      refs: Object.entries(before),
      head: MAIN,
    },
  ]);
  // Those who listen hear of branches and tags only.
  const moved = told.flatMap((one) => (one.kind === "aligned" ? one.updates.map(({ ref }) => ref) : []));
  expect(moved.sort()).toEqual(Object.keys(before).sort());
  expect(await grasp.undo.earlierStates(owner.key, "repo")).toMatchObject([
    {
      isComplete: true,
      changes: [
        { ref: MAIN, present: one, earlier: two },
        { ref: "refs/heads/x", present: null, earlier: x },
        { ref: "refs/tags/v", present: null, earlier: v },
      ],
    },
  ]);
});

test("maintenance keeps the objects for 30 days, and the signed event brings the refs back at once (N21, N22)", async () => {
  const { before, x } = await rewound();
  nowMs += 15 * DAY_MS;
  await maintained();
  nowMs += 15 * DAY_MS - 1;
  await maintained();
  const [earlier] = (await grasp.undo.earlierStates(owner.key, "repo"))!;
  expect(earlier!.isComplete).toBe(true);
  const unsigned = grasp.undo.returnTo(owner.key, "repo", earlier!.atMs)!;
  expect(unsigned).toEqual({
    kind: 30618,
    pubkey: owner.key,
    created_at: Math.floor(nowMs / 1000),
    tags: [["d", "repo"], ...Object.entries(before), ["HEAD", `ref: ${MAIN}`]],
    content: "",
  });
  const { ok, text } = await submit(
    owner.sign(
      30618,
      unsigned.tags.map((tag) => [...tag]),
      "",
      unsigned.created_at,
    ),
  );
  expect([ok, text]).toEqual([true, ""]);
  expect(Object.fromEntries(Object.entries(refs()).filter(([ref]) => !ref.includes("millrace")))).toEqual(
    before,
  );
  expect(work.git("--git-dir", repository().path, "cat-file", "-t", x)).toBe("commit");
});

test("after 30 days maintenance ends the backups, and 14 days later their objects (N21, O23)", async () => {
  const { x } = await rewound();
  const exists = () => {
    try {
      return work.git("--git-dir", repository().path, "cat-file", "-t", x) === "commit";
    } catch {
      return false;
    }
  };
  nowMs += 30 * DAY_MS;
  await maintained();
  await grasp.sweep();
  expect([backups(), store.backups(owner.key, "repo"), exists()]).toEqual([[], [], true]);
  expect(grasp.undo.returnTo(owner.key, "repo", START_SECONDS * 1000)).toBeNull();
  nowMs += 15 * DAY_MS;
  await maintained();
  expect(exists()).toBe(false);
});

test("a request to vanish keeps no backup: the repository goes with them, and their records (N23, R62)", async () => {
  await rewound();
  const { path } = repository();
  await submit(owner.sign(62, [["relay", "ALL_RELAYS"]], "", START_SECONDS + 9));
  expect([existsSync(path), store.backups(owner.key, "repo")]).toEqual([false, []]);
  expect(await grasp.operator.held()).toEqual([]);
});

test("a deleted pull request keeps no backup, and its objects go at the next maintenance (N23, R61)", async () => {
  const { one } = await rewound();
  work.git("checkout", "-q", "-b", "pr", one);
  const tip = work.commit("c", "pr");
  const contributor = author();
  const tags = [
    ["a", `30617:${owner.key}:repo`],
    ["c", tip],
  ];
  const pr = contributor.sign(1618, tags, "", START_SECONDS + 5);
  await submit(pr);
  async function* bytes() {
    yield work.pack([tip]);
  }
  const received = await repository().receive(bytes(), [{ id: tip, isBranch: false }], BOUNDS);
  if ("fault" in received) throw new Error(JSON.stringify(received.fault));
  await received.quarantine.adopt();
  await grasp.newGitData("repo", EVERYTHING);
  expect(refs()[`refs/nostr/${pr.id}`]).toBe(tip);
  const before = backups();

  await submit(contributor.sign(5, [["e", pr.id]], "", START_SECONDS + 6));
  nowMs += 2 * 60 * 60_000;
  await maintained();

  expect([refs()[`refs/nostr/${pr.id}`], backups()]).toEqual([undefined, before]);
  expect(await repository().incomplete([tip], true)).toEqual(new Set([tip]));
  // What was rewound is still kept.
  const [earlier] = (await grasp.undo.earlierStates(owner.key, "repo"))!;
  expect(earlier!.isComplete).toBe(true);
});

test("an event that returns is newer than every state here, although the owner's clock was ahead (N22)", async () => {
  await rewound();
  const ahead = await stated({ [MAIN]: work.commit("a", "three") }, 1700);
  const [last] = (await grasp.undo.earlierStates(owner.key, "repo"))!;
  const unsigned = grasp.undo.returnTo(owner.key, "repo", last!.atMs)!;
  expect(unsigned.created_at).toBe(ahead.created_at + 1);
});

test("a value that is gone from the disk does not keep a state from being applied (T67)", async () => {
  const { one, two } = await rewound();
  await stated({ [MAIN]: two }, 4);
  const before = backups().length;
  const objects = join(repository().path, "objects");
  rmSync(objects, { recursive: true });
  work.git("init", "-q", "--bare", repository().path);
  repository().reload();
  await stated({ [MAIN]: one }, 5);
  expect([refs()[MAIN], backups().length]).toEqual([one, before]);
});
