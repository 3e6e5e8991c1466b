import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import type { Grasp } from "../../../../runtime/grasp/grasp.ts";
import type { GraspHappening } from "../../../../runtime/grasp/happenings.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import type { EventStore } from "../../../../runtime/grasp/ports.ts";
import { keyOf } from "../../../../runtime/grasp/purgatory/entry.ts";
import { releasePlan } from "../../../../runtime/grasp/release/intent.ts";
import { EVERYTHING } from "../../../../runtime/grasp/release/releases.ts";
import { HELD_MS } from "../../../../runtime/grasp/removals.ts";
import type { DiskRepositories } from "../../../../worker/grasp/repositories.ts";
import { sqliteEventStore } from "../../../../worker/grasp/store/event-store.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import { graspOn, repositoriesIn, verifyEvent } from "../../../support/grasp.ts";
import { type Author, author } from "../../../support/nostr.ts";

const DIRECT = { source: "direct", address: "192.0.2.1" } as const;
const MAIN = "refs/heads/main";
/** Refs that are not backups (N21). */
const VISIBLE = ["refs/heads", "refs/tags", "refs/nostr"];
const ZERO = "0".repeat(40);
const BOUNDS = { maxBytes: 10_000_000, maxObjects: 10_000 };
const START_SECONDS = Math.floor(Date.now() / 1000);

let folder: string;
let work: WorkTree;
let store: EventStore;
let repositories: DiskRepositories;
let grasp: Grasp;
let owner: Author;
let nowMs: number;
let told: GraspHappening[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-recovery-"));
  work = workTree(folder);
  nowMs = START_SECONDS * 1000;
  store = sqliteEventStore({
    path: join(folder, "grasp.db"),
    clock: { now: () => nowMs, after: () => () => {} },
  });
  owner = author();
  await restart();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

/** A new process on the same data. @returns what its start found */
async function restart() {
  ({ repositories } = await repositoriesIn(join(folder, "data")));
  grasp = graspOn({ store, repositories }, verifyEvent, () => nowMs);
  told = [];
  grasp.onHappening((happening) => void told.push(happening));
  return grasp.start();
}

function announcement(by: Author, { maintainers = [] as string[], listsUs = true, at = 0 } = {}): NostrEvent {
  const host = listsUs ? "git.example" : "elsewhere.example";
  const tags = [
    ["d", "repo"],
    ["clone", `https://${host}/${toNpub(by.key)}/repo.git`],
    ["relays", `wss://${host}`],
    ["maintainers", ...maintainers],
  ];
  return by.sign(30617, tags, "", START_SECONDS + at);
}
const state = (by: Author, refs: string[][], at = 0) =>
  by.sign(30618, [["d", "repo"], ...refs, ["HEAD", `ref: ${MAIN}`]], "", START_SECONDS + at);
const submit = (event: NostrEvent) => grasp.submit(event, DIRECT);
const isServed = (event: NostrEvent) => store.get(event.id) !== null;
const pathOf = (by: Author, place: "git" | "held" = "git") =>
  join(folder, "data", place, toNpub(by.key), "repo.git");
/** The refs, read by Git itself. */
const refsOf = (by: Author, place: "git" | "held" = "git") =>
  work
    .git("--git-dir", pathOf(by, place), "for-each-ref", "--format=%(refname) %(objectname)", ...VISIBLE)
    .split("\n");

async function objects(to: Author, ...tips: string[]): Promise<void> {
  async function* bytes() {
    yield work.pack(tips);
  }
  const wanted = tips.map((id) => ({ id, isBranch: false }));
  const received = await repositories.open(to.key, "repo")!.receive(bytes(), wanted, BOUNDS);
  if ("fault" in received) throw new Error(JSON.stringify(received.fault));
  await received.quarantine.adopt();
}

/** A repository with one served state. */
async function served(): Promise<{ announced: NostrEvent; stated: NostrEvent; commit: string }> {
  const commit = work.commit("a", "one");
  const [announced, stated] = [announcement(owner), state(owner, [[MAIN, commit]])];
  await submit(announced);
  await submit(stated);
  await objects(owner, commit);
  await grasp.newGitData("repo", EVERYTHING);
  return { announced, stated, commit };
}

test("a start removes what a crash left in a repository, and an empty ref has its value again (N25, N27)", async () => {
  const { commit } = await served();
  const path = pathOf(owner);
  const left = ["HEAD.lock", "packed-refs.lock", "shallow", "refs/heads/x.lock"];
  for (const name of left) writeFileSync(join(path, name), name === "shallow" ? `${commit}\n` : "");
  writeFileSync(join(path, MAIN), "");
  writeFileSync(join(path, "HEAD"), "");

  const { healed } = await restart();

  expect(healed.map((one) => [one.owner, one.identifier, [...one.found].sort()])).toEqual([
    [owner.key, "repo", [...left, MAIN, "HEAD"].sort()],
  ]);
  expect(left.filter((name) => existsSync(join(path, name)))).toEqual([]);
  expect(refsOf(owner)).toEqual([`${MAIN} ${commit}`]);
  expect(readFileSync(join(path, "HEAD"), "utf8")).toBe(`ref: ${MAIN}\n`);
  expect((await restart()).healed).toEqual([]);
});

test("a repository whose borrowed objects Git cannot copy is not complete, its start says so, and the next one copies them (O19, O25)", async () => {
  const { commit } = await served();
  const path = pathOf(owner);
  const shared = join(folder, "shared");
  // The folder is there, and what the refs need is not in it yet.
  mkdirSync(join(shared, "pack"), { recursive: true });
  renameSync(join(path, "objects/pack"), join(folder, "packs"));
  mkdirSync(join(path, "objects/pack"));
  mkdirSync(join(path, "objects/info"), { recursive: true });
  writeFileSync(join(path, "objects/info/alternates"), `${shared}\n`);

  const first = await restart();
  expect(first.healed).toEqual([
    { owner: owner.key, identifier: "repo", found: [], failed: ["objects/info/alternates.millrace"] },
  ]);
  rmSync(join(shared, "pack"), { recursive: true });
  renameSync(join(folder, "packs"), join(shared, "pack"));
  // Even now that Git could read them there.
  expect(await repositories.open(owner.key, "repo")!.incomplete([commit], true)).toEqual(new Set([commit]));

  const second = await restart();
  expect(second.healed[0]).toMatchObject({ found: ["objects/info/alternates"], failed: [] });
  rmSync(shared, { recursive: true });
  expect(await repositories.open(owner.key, "repo")!.incomplete([commit], true)).toEqual(new Set());
  expect(refsOf(owner)).toEqual([`${MAIN} ${commit}`]);
});

test("a start repeats intents, restores purgatory, makes the disk agree, and then says what to fetch (P31)", async () => {
  await served();
  const [next, other] = [work.commit("a", "two"), work.commit("a", "three")];
  await objects(owner, next);
  const released = state(owner, [[MAIN, next]], 1);
  const waiting = state(owner, [[MAIN, other]], 2);
  await submit(waiting);
  // A crash behind the first step of a release: the intent is there, and no ref has moved.
  const releasing = { ...grasp.purgatory.states("repo")[0]!, event: released };
  const old = (await repositories.open(owner.key, "repo")!.refs()).refs.get(MAIN)!;
  const move = {
    owner: owner.key,
    identifier: "repo",
    updates: [[{ ref: MAIN, old, new: next }]],
    head: null,
  };
  await store.transaction((changes) => {
    changes.journalPut(keyOf(releasing), releasing);
    changes.beginIntent(releasePlan({ entries: [keyOf(releasing)], moves: [move] }));
  });

  ({ repositories } = await repositoriesIn(join(folder, "data")));
  grasp = graspOn({ store, repositories }, verifyEvent, () => nowMs);
  // The disk is made to agree when uploads are listed.
  const uploads = repositories.uploads.bind(repositories);
  let before: unknown;
  repositories.uploads = async () => {
    const states = grasp.purgatory.states("repo").map(({ event }) => event.id);
    before = [store.intents(), isServed(released), refsOf(owner), states];
    return uploads();
  };
  const { waiting: toFetch } = await grasp.start();

  expect(before).toEqual([[], true, [`${MAIN} ${next}`], [waiting.id]]);
  expect([toFetch, isServed(waiting)]).toEqual([["repo"], false]);
});

test.each<[string, (announced: NostrEvent) => NostrEvent, number]>([
  [
    "deleted (R59)",
    (announced) => owner.sign(5, [["e", announced.id]], "", START_SECONDS + 1),
    HELD_MS.deleted,
  ],
  ["de-listed (R35)", () => announcement(owner, { listsUs: false, at: 1 }), HELD_MS.delisted],
])(
  "a repository whose announcement is %s is held, over a restart, and comes back with a new one",
  async (_name, end, heldMs) => {
    const { announced, stated, commit } = await served();
    await submit(end(announced));
    expect([isServed(announced), isServed(stated), existsSync(pathOf(owner))]).toEqual([false, false, false]);
    expect(refsOf(owner, "held")).toEqual([`${MAIN} ${commit}`]);

    nowMs += heldMs - 60_000;
    await restart();
    await grasp.sweep();
    const again = announcement(owner, { at: 2 });
    await submit(again);

    expect([isServed(again), isServed(stated), refsOf(owner)]).toEqual([true, true, [`${MAIN} ${commit}`]]);
    expect(existsSync(pathOf(owner, "held"))).toBe(false);
  },
);

test.each<[string, (announced: NostrEvent) => NostrEvent, number]>([
  ["90 days", (announced) => owner.sign(5, [["e", announced.id]], "", START_SECONDS + 1), 90],
  ["30 days", () => announcement(owner, { listsUs: false, at: 1 }), 30],
])("what is held goes after %s (R35, R59)", async (_name, end, days) => {
  const { announced, stated } = await served();
  await submit(end(announced));
  nowMs += days * 24 * 60 * 60_000;
  await grasp.sweep();
  expect(existsSync(pathOf(owner, "held"))).toBe(false);
  await submit(announcement(owner, { at: 2 }));
  expect([isServed(stated), refsOf(owner)]).toEqual([false, [""]]);
});

test("a start reports repositories with refs that belong to nothing, and deletes empty ones (P32)", async () => {
  const commit = work.commit("a", "one");
  const [full, empty] = [author(), author()];
  for (const { key } of [full, empty]) await repositories.create(key, "repo");
  await objects(full, commit);
  await repositories.open(full.key, "repo")!.updateRefs([{ ref: MAIN, old: ZERO, new: commit }]);

  const { orphans } = await restart();

  expect(orphans).toEqual([{ owner: full.key, identifier: "repo" }]);
  expect([existsSync(pathOf(full)), existsSync(pathOf(empty))]).toEqual([true, false]);
  expect(grasp.hostedRepository(full.key, "repo")).toBeNull();
});

test("an owner names a maintainer: refused states and announcements are judged again at once (T44, N12, R36)", async () => {
  const { commit } = await served();
  const maintainer = author();
  const newer = state(maintainer, [["refs/heads/b", commit]], 5);
  const elsewhere = announcement(maintainer, { listsUs: false, at: 3 });
  expect([(await submit(newer)).ok, (await submit(elsewhere)).ok]).toEqual([false, false]);

  await submit(announcement(owner, { maintainers: [maintainer.key], at: 4 }));

  expect([isServed(newer), isServed(elsewhere)]).toEqual([true, true]);
  expect(refsOf(owner)).toEqual([`refs/heads/b ${commit}`]);
});

test("a state whose alignment fails three times for a reason of its own leaves purgatory as expired (P38)", async () => {
  const { stated, commit } = await served();
  const next = work.commit("a", "two");
  // Git does not move a ref that is locked.
  writeFileSync(join(pathOf(owner), `${MAIN}.lock`), "");
  const failing = state(owner, [[MAIN, next]], 5);
  await submit(failing);
  await objects(owner, next);
  for (const times of [1, 2]) {
    await grasp.newGitData("repo", EVERYTHING);
    expect([times, grasp.purgatory.event(failing.id) !== null]).toEqual([times, true]);
  }
  await grasp.newGitData("repo", EVERYTHING);

  expect(grasp.purgatory.event(failing.id)).toBeNull();
  expect(store.remembered(failing.id, START_SECONDS)).toBe("expired");
  expect(told.filter(({ kind }) => kind === "left").at(-1)).toMatchObject({ because: "failed" });
  expect([isServed(failing), isServed(stated), refsOf(owner)]).toEqual([false, true, [`${MAIN} ${commit}`]]);
});

test("a repository with a push under way is not deleted, and goes when the push ends (A42)", async () => {
  const { announced, commit } = await served();
  const next = work.commit("a", "two");
  await submit(state(owner, [[MAIN, next]], 5));
  const repository = repositories.open(owner.key, "repo")!;
  const commands = [{ ref: MAIN, old: commit, new: next }];
  const request = { owner: owner.key, identifier: "repo", list: { commands }, address: null };
  const push = await grasp.pushes.begin(request, await repository.refs());
  expect(push.early.isGranted).toBe(true);
  async function* bytes() {
    yield work.pack([next], [commit]);
  }
  const received = await repository.receive(bytes(), [{ id: next, isBranch: true }], BOUNDS);

  await submit(owner.sign(5, [["e", announced.id]], "", START_SECONDS + 9));
  expect([existsSync(pathOf(owner)), grasp.hostedRepository(owner.key, "repo")]).toEqual([true, null]);
  if (!("quarantine" in received)) throw new Error("the pack was refused");
  expect((await push.finish(received.quarantine)).refused.size).toBe(1);
  expect([existsSync(pathOf(owner)), refsOf(owner)]).toEqual([true, [`${MAIN} ${commit}`]]);
  await push.end();

  expect([existsSync(pathOf(owner)), refsOf(owner, "held")]).toEqual([false, [`${MAIN} ${commit}`]]);
  expect(store.intents()).toEqual([]);
});

test("a maintainer is dropped and the alignment fails: the next start makes the refs true (R36, N16)", async () => {
  const { commit } = await served();
  const maintainer = author();
  const next = work.commit("a", "two");
  await submit(announcement(owner, { maintainers: [maintainer.key], at: 1 }));
  await submit(state(maintainer, [[MAIN, next]], 2));
  await objects(owner, next);
  await grasp.newGitData("repo", EVERYTHING);
  expect(refsOf(owner)).toEqual([`${MAIN} ${next}`]);

  writeFileSync(join(pathOf(owner), `${MAIN}.lock`), "");
  expect((await submit(announcement(owner, { at: 3 }))).ok).toBe(true);
  expect([refsOf(owner), store.intents().length]).toEqual([[`${MAIN} ${next}`], 1]);
  await restart();
  expect([refsOf(owner), store.intents()]).toEqual([[`${MAIN} ${commit}`], []]);
});

test("a state whose own time is over leaves the refs to the next older one (A16, R12)", async () => {
  const { commit } = await served();
  const maintainer = author();
  const next = work.commit("a", "two");
  await submit(announcement(owner, { maintainers: [maintainer.key], at: 1 }));
  const expiration = ["expiration", String(START_SECONDS + 60)];
  const short = state(maintainer, [[MAIN, next], expiration], 2);
  await submit(short);
  await objects(owner, next);
  await grasp.newGitData("repo", EVERYTHING);
  expect([isServed(short), refsOf(owner)]).toEqual([true, [`${MAIN} ${next}`]]);

  nowMs += 61_000;
  await grasp.sweep();
  expect([isServed(short), refsOf(owner), store.intents()]).toEqual([false, [`${MAIN} ${commit}`], []]);
});

test("a repository goes: states that stay served keep their objects in another one (R59, P10)", async () => {
  const { announced, commit } = await served();
  const maintainer = author();
  const next = work.commit("a", "two");
  await submit(announcement(owner, { maintainers: [maintainer.key], at: 1 }));
  const other = state(maintainer, [[MAIN, next]], 2);
  await submit(other);
  await objects(owner, next);
  await grasp.newGitData("repo", EVERYTHING);
  await submit(state(owner, [[MAIN, commit]], 3));
  await submit(announcement(maintainer, { maintainers: [owner.key], at: 4 }));
  const repository = repositories.open(maintainer.key, "repo")!;
  expect([isServed(other), refsOf(maintainer)]).toEqual([true, [`${MAIN} ${commit}`]]);
  expect(await repository.incomplete([next])).toEqual(new Set([next]));

  await submit(owner.sign(5, [["a", `30617:${owner.key}:repo`]], "", START_SECONDS + 9));

  expect([isServed(announced), isServed(other), existsSync(pathOf(owner))]).toEqual([false, true, false]);
  expect(await repository.incomplete([next])).toEqual(new Set());
});
