/** What the operator does while the service runs (O14), on real Git and a real database. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import type { Grasp } from "../../../../runtime/grasp/grasp.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import type { EventStore } from "../../../../runtime/grasp/ports.ts";
import { EVERYTHING } from "../../../../runtime/grasp/release/releases.ts";
import type { DiskRepositories } from "../../../../worker/grasp/repositories.ts";
import { sqliteEventStore } from "../../../../worker/grasp/store/event-store.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import { graspOn, repositoriesIn, verifyEvent } from "../../../support/grasp.ts";
import { type Author, author } from "../../../support/nostr.ts";

const DIRECT = { source: "direct", address: "192.0.2.1" } as const;
const SYNC = { source: "sync", address: null } as const;
const MAIN = "refs/heads/main";
const BOUNDS = { maxBytes: 10_000_000, maxObjects: 10_000 };
const DAY_MS = 24 * 60 * 60_000;
const START_SECONDS = Math.floor(Date.now() / 1000);

let folder: string;
let work: WorkTree;
let store: EventStore;
let repositories: DiskRepositories;
let grasp: Grasp;
let owner: Author;
let friend: Author;
let nowMs: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-operator-"));
  work = workTree(folder);
  nowMs = START_SECONDS * 1000;
  store = sqliteEventStore({
    path: join(folder, "grasp.db"),
    clock: { now: () => nowMs, after: () => () => {} },
  });
  [owner, friend] = [author(), author()];
  await restart();
});
afterEach(async () => {
  expect([grasp.busy, store.intents()]).toEqual([0, []]);
  await store.close();
  rmSync(folder, { recursive: true });
});

async function restart(): Promise<void> {
  ({ repositories } = await repositoriesIn(join(folder, "data")));
  grasp = graspOn({ store, repositories }, verifyEvent, () => nowMs);
  await grasp.start();
  await grasp.removeDenied();
}

function announcement(by: Author, { maintainers = [] as string[], at = 0 } = {}): NostrEvent {
  const tags = [
    ["d", "repo"],
    ["clone", `https://git.example/${toNpub(by.key)}/repo.git`],
    ["relays", "wss://git.example"],
    ["maintainers", ...maintainers],
  ];
  return by.sign(30617, tags, "", START_SECONDS + at);
}
const state = (by: Author, refs: Record<string, string>, at = 0) =>
  by.sign(30618, [["d", "repo"], ...Object.entries(refs), ["HEAD", `ref: ${MAIN}`]], "", START_SECONDS + at);
const submit = (event: NostrEvent) => grasp.submit(event, DIRECT);
const isServed = (event: NostrEvent) => store.get(event.id) !== null;
const refsOf = async (by: Author) => {
  const refs = (await repositories.open(by.key, "repo")?.refs())?.refs;
  return refs === undefined
    ? null
    : Object.fromEntries([...refs].filter(([ref]) => !ref.includes("millrace")));
};

async function objects(to: Author, ...tips: string[]): Promise<void> {
  async function* bytes() {
    yield work.pack(tips);
  }
  const wanted = tips.map((id) => ({ id, isBranch: false }));
  const received = await repositories.open(to.key, "repo")!.receive(bytes(), wanted, BOUNDS);
  if ("fault" in received) throw new Error(JSON.stringify(received.fault));
  await received.quarantine.adopt();
  await grasp.newGitData("repo", EVERYTHING);
}

/** A served repository with a state, a pull request and a comment on it. */
async function served(by = owner, maintainers: string[] = []) {
  const commit = work.commit("a", `of ${by.key}`);
  const proposed = work.commit("a", `proposed to ${by.key}`);
  work.git("reset", "-q", "--hard", commit);
  const announced = announcement(by, { maintainers });
  const stated = state(by, { [MAIN]: commit }, 1);
  const tags = [
    ["a", `30617:${by.key}:repo`],
    ["c", proposed],
  ];
  const pr = friend.sign(1618, tags, "", START_SECONDS + 2);
  const comment = friend.sign(1111, [["e", pr.id]], "good", START_SECONDS + 3);
  for (const event of [announced, stated]) await submit(event);
  await objects(by, commit);
  await submit(pr);
  await objects(by, proposed);
  await submit(comment);
  const all = [announced, stated, pr, comment];
  expect(all.map(isServed)).toEqual([true, true, true, true]);
  const refs = { [MAIN]: commit, [`refs/nostr/${pr.id}`]: proposed };
  return { announced, stated, pr, comment, all, commit, refs };
}

const outcomeOf = async (event: NostrEvent) => (await submit(event)).text.split(":")[0];

test("a banned repository is refused and held, over a restart, and comes back after the ban (R26, O14)", async () => {
  const { announced, all, refs } = await served();
  const other = await served(author());
  const target = `${owner.key}/repo`;
  expect(await grasp.operator.ban(target)).toEqual({
    repositories: [{ owner: owner.key, identifier: "repo" }],
    events: 0,
  });
  for (let round = 0; round < 2; round++) {
    expect([all.filter(isServed), other.all.filter(isServed).length]).toEqual([[], 4]);
    expect([grasp.hostedRepository(owner.key, "repo"), await outcomeOf(announced)]).toEqual([
      null,
      "blocked",
    ]);
    expect([await outcomeOf(announcement(owner, { at: 9 })), grasp.operator.bans()]).toEqual([
      "blocked",
      [target],
    ]);
    await restart();
  }
  expect(await grasp.operator.held()).toEqual([
    { owner: owner.key, identifier: "repo", hasRepository: true, events: 4, untilMs: nowMs + 90 * DAY_MS },
  ]);
  expect(await grasp.operator.restore(owner.key, "repo")).toMatchObject({ outcome: "refused" });

  expect([await grasp.operator.unban(target), await grasp.operator.unban(target)]).toEqual([true, false]);
  expect(await grasp.operator.restore(owner.key, "repo")).toEqual({ outcome: "served" });
  expect([all.map(isServed), await refsOf(owner), await grasp.operator.held()]).toEqual([
    [true, true, true, true],
    refs,
    [],
  ]);
});

test("what a banned author has here goes, in other repositories too, and no older state takes over (R60, O14)", async () => {
  const { all, pr, comment, stated, commit } = await served(owner, [friend.key]);
  const next = work.commit("a", "next");
  const theirs = state(friend, { [MAIN]: next }, 5);
  await submit(theirs);
  await objects(owner, next);
  const waiting = state(friend, { [MAIN]: "9".repeat(40) }, 6);
  await submit(waiting);
  expect(await refsOf(owner)).toMatchObject({ [MAIN]: next });

  expect(await grasp.operator.ban(friend.key)).toEqual({ repositories: [], events: 4 });
  expect([all.map(isServed), isServed(theirs), grasp.purgatory.event(waiting.id)]).toEqual([
    [true, true, false, false],
    false,
    null,
  ]);
  // Refs stay as they are, apart from the pull request's.
  expect(await refsOf(owner)).toEqual({ [MAIN]: next });
  for (const event of [pr, comment, theirs, waiting, announcement(friend)])
    expect([event.kind, await outcomeOf(event)]).toEqual([event.kind, "blocked"]);
  await restart();
  expect([await refsOf(owner), isServed(stated)]).toEqual([{ [MAIN]: next }, true]);

  expect(await grasp.operator.held()).toMatchObject([{ owner: friend.key, identifier: null, events: 3 }]);
  await grasp.operator.unban(friend.key);
  expect(await grasp.operator.restoreAuthor(friend.key)).toEqual({ restored: 3, refused: 0 });
  expect([isServed(theirs), isServed(pr), isServed(comment)]).toEqual([true, true, true]);
  expect(await refsOf(owner)).toMatchObject({ [MAIN]: next, [`refs/nostr/${pr.id}`]: expect.any(String) });
  expect(commit).not.toBe(next);
});

test("a crash between a ban and its consequences: the start finishes it (O14)", async () => {
  const { pr, comment } = await served();
  await store.transaction((changes) => changes.ban(friend.key));
  await restart();
  expect([isServed(pr), isServed(comment)]).toEqual([false, false]);
});

test("an ejected repository is not read any more, does not come back by itself, and is restored whole (O14)", async () => {
  const { announced, all, refs } = await served();
  const push = await grasp.pushes.begin(
    { owner: owner.key, identifier: "repo", list: { commands: [] }, address: null },
    await repositories.open(owner.key, "repo")!.refs(),
  );
  expect(await grasp.operator.eject(owner.key, "repo")).toBe(true);
  // A push under way delays only the folder (A42).
  expect([all.filter(isServed), grasp.hostedRepository(owner.key, "repo")]).toEqual([[], null]);
  expect(repositories.open(owner.key, "repo")).not.toBeNull();
  await push.end();
  expect([repositories.open(owner.key, "repo"), await grasp.operator.eject(owner.key, "repo")]).toEqual([
    null,
    false,
  ]);
  // Another server has the same announcement, and an older version of it.
  const older = announcement(owner, { maintainers: [friend.key], at: -5 });
  for (const event of [announced, older]) expect((await grasp.submit(event, SYNC)).ok).toBe(false);
  await restart();
  expect(await grasp.operator.held()).toMatchObject([{ hasRepository: true, events: 4 }]);

  expect(await grasp.operator.restore(owner.key, "repo")).toEqual({ outcome: "served" });
  expect([all.map(isServed), await refsOf(owner)]).toEqual([[true, true, true, true], refs]);
  expect(await grasp.operator.restore(owner.key, "repo")).toEqual({ outcome: "nothing" });
});

test("a later announcement of the owner brings an ejected repository back (R59)", async () => {
  const { all, refs } = await served();
  await grasp.operator.eject(owner.key, "repo");
  const later = announcement(owner, { at: 10 });
  expect((await submit(later)).ok).toBe(true);
  expect([all.map(isServed), isServed(later), await refsOf(owner), await grasp.operator.held()]).toEqual([
    [false, true, true, true],
    true,
    refs,
    [],
  ]);
});

test("nothing is served that is not complete: what lost its objects while it was held waits (N1)", async () => {
  const { all, announced, stated, pr, comment, commit } = await served();
  await grasp.operator.eject(owner.key, "repo");
  const held = join(folder, "data/held", toNpub(owner.key), "repo.git");
  rmSync(join(held, "objects"), { recursive: true });
  work.git("init", "-q", "--bare", held);
  expect(await grasp.operator.restore(owner.key, "repo")).toEqual({ outcome: "waits" });
  expect(all.filter(isServed)).toEqual([]);
  expect([announced, stated, pr].map(({ id }) => grasp.purgatory.event(id)?.event.id)).toEqual([
    announced.id,
    stated.id,
    pr.id,
  ]);
  // What hangs on the repository follows when it is served.
  expect(await grasp.operator.held()).toMatchObject([{ hasRepository: false, events: 1 }]);
  await objects(owner, commit);
  expect([announced, stated, pr, comment].map(isServed)).toEqual([true, true, false, true]);
});

test("what its owner deleted while it was held does not come back (R56)", async () => {
  const { all } = await served();
  await grasp.operator.eject(owner.key, "repo");
  await submit(owner.sign(5, [["a", `30617:${owner.key}:repo`]], "", START_SECONDS + 20));
  expect(await grasp.operator.restore(owner.key, "repo")).toEqual({ outcome: "deleted" });
  expect([all.filter(isServed), grasp.hostedRepository(owner.key, "repo")]).toEqual([[], null]);
});

test.each(["e", "a"] as const)(
  "no older state takes the place of the newest one, which its author deleted by %s while it was held (R59, R60)",
  async (how) => {
    const maintainer = author();
    await served(owner, [maintainer.key]);
    const second = work.commit("a", "of the maintainer");
    const newest = state(maintainer, { [MAIN]: second }, 5);
    await submit(newest);
    await objects(owner, second);
    expect((await refsOf(owner))?.[MAIN]).toBe(second);
    await grasp.operator.eject(owner.key, "repo");
    const tag = how === "e" ? ["e", newest.id] : ["a", `30618:${maintainer.key}:repo`];
    expect((await submit(maintainer.sign(5, [tag], "", START_SECONDS + 20))).ok).toBe(true);
    // It waits for a state, as one that was never pushed to.
    expect(await grasp.operator.restore(owner.key, "repo")).toEqual({ outcome: "waits" });
    expect(isServed(newest)).toBe(false);
    const later = state(owner, { [MAIN]: second }, 30);
    await submit(later);
    expect([isServed(later), (await refsOf(owner))?.[MAIN]]).toEqual([true, second]);
  },
);

test("a PR that its author deleted while its repository was held leaves no ref when that comes back (R61)", async () => {
  const { pr, refs } = await served();
  await grasp.operator.eject(owner.key, "repo");
  expect((await submit(author().sign(5, [["e", pr.id]], "", START_SECONDS + 20))).ok).toBe(false);
  // All that its author has here is held, and that counts as here (R57, R59).
  expect((await submit(friend.sign(5, [["e", pr.id]], "", START_SECONDS + 20))).ok).toBe(true);
  expect(await grasp.operator.restore(owner.key, "repo")).toEqual({ outcome: "served" });
  expect([isServed(pr), await refsOf(owner)]).toEqual([false, { [MAIN]: refs[MAIN] }]);
});

test("what is held of an author who asks to vanish goes at once, and leaves no ref when the repository comes back (R62)", async () => {
  const { pr, comment, stated, refs } = await served();
  await grasp.operator.eject(owner.key, "repo");
  const heldIds = () => store.held(`${owner.key}/repo`).map(({ event }) => event.id);
  expect(heldIds()).toContain(pr.id);
  const vanish = friend.sign(62, [["relay", "ALL_RELAYS"]], "", START_SECONDS + 20);
  expect((await submit(vanish)).ok).toBe(true);
  expect(heldIds()).not.toContain(pr.id);
  expect(heldIds()).toContain(stated.id);
  expect(await grasp.operator.restore(owner.key, "repo")).toEqual({ outcome: "served" });
  expect([isServed(pr), await refsOf(owner)]).toEqual([false, { [MAIN]: refs[MAIN] }]);
  expect(store.remembered(comment.id, START_SECONDS + 20)).toBe("deleted");
});

test("a repository whose owner deleted it is held, and only an announcement brings it back (R59)", async () => {
  const { announced } = await served();
  await submit(owner.sign(5, [["e", announced.id]], "", START_SECONDS + 20));
  expect(await grasp.operator.restore(owner.key, "repo")).toEqual({ outcome: "no_announcement" });
  expect(await grasp.operator.restore(friend.key, "repo")).toEqual({ outcome: "nothing" });
});

test("what is held is deleted at once if the operator says so, and after 90 days by itself (O14)", async () => {
  await served();
  const other = author();
  await served(other);
  for (const by of [owner, other]) await grasp.operator.eject(by.key, "repo");
  const folders = () =>
    readdirSync(join(folder, "data/held")).flatMap((npub) => readdirSync(join(folder, "data/held", npub)));
  expect(await grasp.operator.dropHeld(owner.key, "repo")).toBe(true);
  expect([await grasp.operator.dropHeld(owner.key, "repo"), folders()]).toEqual([false, ["repo.git"]]);
  expect((await grasp.operator.held()).map((one) => one.owner)).toEqual([other.key]);
  nowMs += 90 * DAY_MS + 1000;
  await grasp.sweep();
  expect([await grasp.operator.held(), folders()]).toEqual([[], []]);
});

test("old test events go, with the repositories of test announcements; younger ones and others stay (O17)", async () => {
  const test = ["t", "grasp-audit-test-event"];
  const plain = await served();
  const tagged = (by: Author, kind: number, tags: string[][], at = 0) =>
    by.sign(kind, [...tags, test], "", START_SECONDS + at);
  const place = [
    ["d", "repo"],
    ["clone", `https://git.example/${toNpub(friend.key)}/repo.git`],
    ["relays", "wss://git.example"],
  ];
  const commit = work.commit("b", "test");
  const announced = tagged(friend, 30617, place);
  const stated = tagged(friend, 30618, [
    ["d", "repo"],
    [MAIN, commit],
    ["HEAD", `ref: ${MAIN}`],
  ]);
  for (const event of [announced, stated]) expect((await submit(event)).ok).toBe(true);
  await objects(friend, commit);
  const old = tagged(owner, 1111, [["e", plain.pr.id]]);
  const young = tagged(owner, 1111, [["e", plain.pr.id]], 60);
  for (const event of [old, young]) await submit(event);
  const all = [announced, stated, old, young, ...plain.all];
  expect(all.map(isServed)).toEqual(all.map(() => true));
  expect(await grasp.testEvents.remove()).toBe(0);
  nowMs += 2 * 60 * 60_000 + 30_000;
  expect(await grasp.testEvents.remove()).toBe(2);
  expect(all.map(isServed)).toEqual([false, false, false, true, true, true, true, true]);
  expect([await refsOf(friend), await refsOf(owner), await grasp.operator.held()]).toEqual([
    null,
    plain.refs,
    [],
  ]);
  expect(await grasp.testEvents.remove()).toBe(0);
});
