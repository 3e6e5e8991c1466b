/** What meets: faults of the database, the sweep, pushes and new data at once; with real Git and SQLite, on an injected clock. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import { type RefCommand, ZERO_ID } from "../../../../runtime/grasp/git/command-list.ts";
import type { Grasp } from "../../../../runtime/grasp/grasp.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import type { EventStore } from "../../../../runtime/grasp/ports.ts";
import { EVERYTHING } from "../../../../runtime/grasp/release/releases.ts";
import { monotonicClock } from "../../../../runtime/sync/index.ts";
import type { DiskRepositories } from "../../../../worker/grasp/repositories.ts";
import { sqliteEventStore } from "../../../../worker/grasp/store/event-store.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import { graspOn, repositoriesIn, verifyEvent } from "../../../support/grasp.ts";
import { announcementBy, MAIN, PURGATORY, stateBy } from "../../../support/grasp-server.ts";
import { type Author, author } from "../../../support/nostr.ts";
import { recordGit } from "../../../support/recording-git.ts";

const DIRECT = { source: "direct", address: "192.0.2.1" } as const;
const SYNC = { source: "sync", address: null } as const;
const BOUNDS = { maxBytes: 10_000_000, maxObjects: 10_000 };
const MINUTE_MS = 60_000;

let folder: string;
let work: WorkTree;
let store: EventStore;
let grasp: Grasp;
let repositories: DiskRepositories;
let owner: Author;
let heard: string[];
let nowMs: number;
let count = 0;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-grasp-"));
  work = workTree(folder);
  store = sqliteEventStore({
    path: join(folder, "grasp.db"),
    clock: { now: () => nowMs, after: () => () => {} },
  });
  ({ repositories } = await repositoriesIn(join(folder, "data")));
  owner = author();
  nowMs = Date.now();
  start();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function start(): void {
  heard = [];
  grasp = graspOn({ store, repositories }, verifyEvent, () => nowMs);
  grasp.onHappening((happening) => {
    if (happening.kind === "served") heard.push(happening.event.id);
  });
}

const seconds = () => Math.floor(nowMs / 1000);
const announce = (by: Author, more: string[][] = []) => announcementBy(by, "repo", more, seconds() + count++);
const state = (by: Author, refs: Record<string, string>) => stateBy(by, refs, "repo", seconds() + count++);
const submit = (event: NostrEvent, from: typeof DIRECT | typeof SYNC = DIRECT) => grasp.submit(event, from);
const pullRequest = (commit: string, ...to: Author[]) =>
  author().sign(1618, [...to.map(({ key }) => ["a", `30617:${key}:repo`]), ["c", commit]], "", seconds());
/** Refs that are not backups (N21). */
const refsOf = async (by: Author) =>
  Object.fromEntries(
    [...((await repositories.open(by.key, "repo")?.refs())?.refs ?? [])].filter(
      ([ref]) => !ref.startsWith("refs/millrace/"),
    ),
  );
const backupOf = (atMs: number, branch: string) => `refs/millrace/backup/${atMs}/heads/${branch}`;
async function* whole(pack: Uint8Array): AsyncGenerator<Uint8Array> {
  yield pack;
}

/** What a client sends, checked and in a quarantine. */
async function received(to: Author, ...tips: string[]) {
  const repository = repositories.open(to.key, "repo")!;
  const result = await repository.receive(
    whole(work.pack(tips)),
    tips.map((id) => ({ id, isBranch: false })),
    BOUNDS,
  );
  if ("fault" in result) throw new Error(JSON.stringify(result.fault));
  return result.quarantine;
}

/** Objects come in otherwise than by a push. */
const bring = async (to: Author, ...tips: string[]) => (await received(to, ...tips)).adopt();

async function begin(to: Author, ...commands: RefCommand[]) {
  const request = { owner: to.key, identifier: "repo", list: { commands }, address: null };
  return grasp.pushes.begin(request, await repositories.open(to.key, "repo")!.refs());
}

/** Lets the database fail, or refuse, when an event is saved. */
function atSave(of: NostrEvent, fault: "fails" | "refuses") {
  const { transaction } = store;
  store.transaction = (work) =>
    transaction.call(store, (changes) => {
      const save: typeof changes.save = (event, now) => {
        if (event.id !== of.id) return changes.save(event, now);
        if (fault === "fails") throw new Error("disk full");
        return { outcome: "refused", reason: "deleted" };
      };
      return work(
        new Proxy(changes, {
          get: (all, name) =>
            name === "save"
              ? save
              : (Reflect.get(all, name, all)?.bind?.(all) ?? Reflect.get(all, name, all)),
        }),
      );
    }) as never;
  return () => {
    store.transaction = transaction;
  };
}

describe("the database at a release", () => {
  test("fails: the report says so, refs are as before, the event waits and is served by a later try (N14, A37, T38)", async () => {
    const commit = work.commit("a", "one");
    const [announcement, first] = [announce(owner), state(owner, { [MAIN]: commit })];
    await submit(announcement);
    await submit(first);
    const restore = atSave(first, "fails");
    const push = await begin(owner, { old: ZERO_ID, new: commit, ref: MAIN });
    const outcome = await push.finish(await received(owner, commit));
    await push.end();
    expect([[...outcome.refused.keys()], await refsOf(owner), heard]).toEqual([[MAIN], {}, []]);
    expect([...store.intents()]).toEqual([]);
    expect(grasp.purgatory.event(first.id)).not.toBeNull();
    restore();
    expect((await grasp.newGitData("repo", EVERYTHING)).released.map(({ id }) => id)).toEqual([
      announcement.id,
      first.id,
    ]);
    expect([await refsOf(owner), heard]).toEqual([{ [MAIN]: commit }, [announcement.id, first.id]]);
  });

  test("refuses the event: it is not broadcast and gone, and refs are those of the true state (N15, T38)", async () => {
    const [one, two] = [work.commit("a", "one"), work.commit("a", "two")];
    await submit(announce(owner));
    await submit(state(owner, { [MAIN]: one }));
    await bring(owner, one);
    await grasp.newGitData("repo", EVERYTHING);
    const next = state(owner, { [MAIN]: two });
    await submit(next);
    heard = [];
    const restore = atSave(next, "refuses");
    const left: string[] = [];
    grasp.onHappening((one) => void (one.kind === "left" && left.push(one.because)));
    await bring(owner, two);
    await grasp.newGitData("repo", EVERYTHING);
    restore();
    expect(left).toEqual(["deleted"]);
    expect([heard, await refsOf(owner), grasp.purgatory.event(next.id)]).toEqual([[], { [MAIN]: one }, null]);
  });

  test("fails for one event: the others are served, and the result lists all (N16, N18)", async () => {
    const other = author();
    const [one, two] = [work.commit("a", "one"), work.commit("a", "two")];
    const bad = state(owner, { [MAIN]: one });
    const good = state(other, { [MAIN]: two });
    const theirs = announce(other);
    for (const event of [announce(owner), theirs, bad, good]) await submit(event);
    await bring(owner, one);
    await bring(other, two);
    atSave(bad, "fails");
    const result = await grasp.newGitData("repo", EVERYTHING);
    expect(result.released.map(({ id }) => id)).toEqual([theirs.id, good.id]);
    expect(result.moved).toEqual([
      { owner: other.key, identifier: "repo", updates: [{ ref: MAIN, old: ZERO_ID, new: two }] },
    ]);
    expect(result.errors).toHaveLength(1);
    expect([await refsOf(owner), await refsOf(other)]).toEqual([{}, { [MAIN]: two }]);
  });
});

test.each([
  ["a", "a/b"],
  ["a/b", "a"],
])(
  "a state that turns %s into %s, killed between its two transactions, is done by the next start (N9, N13, T39)",
  async (from, to) => {
    const commit = work.commit("a", "one");
    await submit(announce(owner));
    await submit(state(owner, { [MAIN]: commit, [`refs/heads/${from}`]: commit }));
    await bring(owner, commit);
    await grasp.newGitData("repo", EVERYTHING);
    const repository = repositories.open(owner.key, "repo")!;
    const { updateRefs } = repository;
    let calls = 0;
    const next = state(owner, { [MAIN]: commit, [`refs/heads/${to}`]: commit });
    await new Promise<void>((resolve) => {
      repository.updateRefs = (updates) => {
        if (++calls < 2) return updateRefs.call(repository, updates);
        resolve();
        return new Promise(() => {});
      };
      void submit(next);
    });
    expect(await refsOf(owner)).toEqual({ [MAIN]: commit });
    ({ repositories } = await repositoriesIn(join(folder, "data")));
    start();
    await grasp.start();
    expect(await refsOf(owner)).toEqual({ [MAIN]: commit, [`refs/heads/${to}`]: commit });
    // The branch that went was kept in the transaction before the kill, and its record is there (N21).
    const [backup] = store.backups(owner.key, "repo");
    expect(backup).toMatchObject({ cause: { id: next.id } });
    expect((await repositories.open(owner.key, "repo")!.refs()).refs.get(backupOf(backup!.atMs, from))).toBe(
      commit,
    );
    expect([store.get(next.id)?.id, [...store.intents()]]).toEqual([next.id, []]);
  },
);

describe("new data", () => {
  /** A served repository. */
  async function serve(commit: string) {
    await submit(announce(owner));
    await submit(state(owner, { [MAIN]: commit }));
    await bring(owner, commit);
    await grasp.newGitData("repo", EVERYTHING);
    heard = [];
  }

  test("releases states, oldest first, and then PRs, all in one run (N5)", async () => {
    const commits = ["zero", "one", "two", "three"].map((text) => work.commit("a", text));
    await serve(commits[0]!);
    const states = [state(owner, { [MAIN]: commits[1]! }), state(owner, { [MAIN]: commits[2]! })];
    const pr = pullRequest(commits[3]!, owner);
    for (const each of [pr, ...states].reverse()) await submit(each);
    await bring(owner, commits[3]!);
    await grasp.newGitData("repo", EVERYTHING);
    expect(heard).toEqual([...states.map(({ id }) => id), pr.id]);
    expect(await refsOf(owner)).toEqual({ [MAIN]: commits[2], [`refs/nostr/${pr.id}`]: commits[3] });
  });

  test("that comes during a run is looked at by another one: no call is lost (N2)", async () => {
    await serve(work.commit("b", "base"));
    const commits = Array.from({ length: 6 }, (_, n) => work.commit("a", `${n}`));
    const prs = commits.map((commit) => pullRequest(commit, owner));
    for (const pr of prs) expect((await submit(pr)).text).toBe(PURGATORY);
    await Promise.all(
      commits.map(async (commit) => {
        await bring(owner, commit);
        await grasp.newGitData("repo", { repository: owner.key, ids: new Set([commit]) });
      }),
    );
    expect(prs.filter(({ id }) => store.get(id) === null)).toEqual([]);
  });

  test("an older state that is complete is released although a newer one waits for its objects; refs are the event's (N7, P8, P9)", async () => {
    const [one, two] = [work.commit("a", "one"), work.commit("a", "two")];
    await submit(announce(owner));
    const states = [state(owner, { [MAIN]: one }), state(owner, { [MAIN]: two, "refs/heads/next": one })];
    for (const each of states) await submit(each);
    // A push of the older one is refused (A22), however complete it is.
    const push = await begin(owner, { old: ZERO_ID, new: one, ref: MAIN });
    expect(push.early.isGranted).toBe(false);
    await push.end();
    await bring(owner, one);
    await grasp.newGitData("repo", EVERYTHING);
    expect([await refsOf(owner), heard.includes(states[0]!.id)]).toEqual([{ [MAIN]: one }, true]);
    await bring(owner, two);
    await grasp.newGitData("repo", EVERYTHING);
    expect(await refsOf(owner)).toEqual({ [MAIN]: two, "refs/heads/next": one });
  });

  test("is judged by what is known then: a deleted state is not released, though its objects came (N3)", async () => {
    const commit = work.commit("a", "one");
    await submit(announce(owner));
    const gone = state(owner, { [MAIN]: commit });
    await submit(gone);
    await bring(owner, commit);
    await submit(owner.sign(5, [["e", gone.id]]));
    expect((await grasp.newGitData("repo", EVERYTHING)).released).toEqual([]);
    expect([heard.includes(gone.id), await refsOf(owner)]).toEqual([false, {}]);
  });

  test("of several identifiers at once: locks are taken in one order, and all is answered (N19)", async () => {
    const commit = work.commit("a", "one");
    for (const name of ["x", "y"])
      await store.transaction((changes) => changes.save(announcementBy(owner, name), seconds()));
    await grasp.start();
    const tags = (names: string[]) => names.map((name) => ["a", `30617:${owner.key}:${name}`]);
    const prs = Array.from({ length: 20 }, (_, n) =>
      author().sign(1618, [...tags(n % 2 === 0 ? ["x", "y"] : ["y", "x"]), ["c", commit]]),
    );
    const answers = await Promise.all(prs.map((pr) => submit(pr)));
    expect(new Set(answers.map(({ text }) => text))).toEqual(new Set([PURGATORY]));
  });

  test("a tag that points to a PR's commit is not the commit (P12)", async () => {
    const [base, change] = [work.commit("a", "one"), work.commit("a", "two")];
    await serve(base);
    work.git("tag", "-a", "-m", "t", "v1", change);
    const tag = work.git("rev-parse", "v1");
    const pr = pullRequest(tag, owner);
    const known = pullRequest(change, owner);
    expect((await submit(known)).text).toBe(PURGATORY);
    const push = await begin(owner, { old: ZERO_ID, new: tag, ref: `refs/nostr/${known.id}` });
    expect(push.early).toMatchObject({ isGranted: false, reason: "wrong_commit" });
    await push.end();
    await submit(pr);
    await bring(owner, tag);
    await grasp.newGitData("repo", EVERYTHING);
    expect((await refsOf(owner))[`refs/nostr/${known.id}`]).toBe(change);
  });
});

describe("time", () => {
  test("a clock that jumps an hour forth or back ends nothing early and keeps nothing longer (P25, T66)", async () => {
    let [wall, monotonic] = [nowMs, 5000];
    const clock = monotonicClock({ now: () => wall, monotonic: () => monotonic, after: () => () => {} });
    const pass = (minutes: number) => {
      wall += minutes * MINUTE_MS;
      monotonic += minutes * MINUTE_MS;
    };
    grasp = graspOn({ store, repositories }, verifyEvent, clock.now);
    await submit(announce(owner));
    const waits = async () => {
      await grasp.sweep();
      return repositories.open(owner.key, "repo") !== null;
    };
    for (const jump of [60, -60, -60, 60]) {
      wall += jump * MINUTE_MS;
      expect([jump, await waits()]).toEqual([jump, true]);
      pass(7);
    }
    pass(1);
    expect(await waits()).toBe(true);
    pass(2);
    expect(await waits()).toBe(false);
  });

  test("a repository whose push is under way outlives its announcement's time, and goes with the push (P23, A42, T42)", async () => {
    const commit = work.commit("a", "one");
    await submit(announce(owner));
    await submit(state(owner, { [MAIN]: commit }));
    const push = await begin(owner, { old: ZERO_ID, new: commit, ref: MAIN });
    const quarantine = await received(owner, commit);
    nowMs += 3 * 60 * MINUTE_MS;
    await grasp.sweep();
    expect(repositories.open(owner.key, "repo")).not.toBeNull();
    const { refused } = await push.finish(quarantine);
    expect([[...refused.keys()], heard]).toEqual([[MAIN], []]);
    await push.end();
    expect(repositories.open(owner.key, "repo")).toBeNull();
  });

  test.each(["an upload", "a PR"])(
    "a repository that only %s kept after its announcement expired goes with it (P23)",
    async (what) => {
      const [base, change] = [work.commit("a", "one"), work.commit("a", "two")];
      await submit(announce(owner));
      nowMs += 20 * MINUTE_MS;
      if (what === "an upload") {
        const push = await begin(owner, { old: ZERO_ID, new: change, ref: `refs/nostr/${"ab".repeat(32)}` });
        await push.finish(await received(owner, change));
        await push.end();
      } else {
        const other = author();
        await submit(announce(other));
        await submit(state(other, { [MAIN]: base }));
        await bring(other, base);
        await grasp.newGitData("repo", EVERYTHING);
        expect((await submit(pullRequest("1".repeat(40), other, owner))).text).toBe(PURGATORY);
      }
      nowMs += 11 * MINUTE_MS;
      await grasp.sweep();
      expect(repositories.open(owner.key, "repo")).not.toBeNull();
      nowMs += 20 * MINUTE_MS;
      await grasp.sweep();
      expect(repositories.open(owner.key, "repo")).toBeNull();
    },
  );

  test("a push that is granted while the sweep waits for the lock is not swept away (P14, P23, T42)", async () => {
    const commit = work.commit("a", "one");
    await submit(announce(owner));
    const waiting = state(owner, { [MAIN]: commit });
    await submit(waiting);
    nowMs += 30 * MINUTE_MS;
    let sweeping = Promise.resolve();
    const push = await grasp.underLock("repo", async () => {
      sweeping = grasp.sweep();
      return begin(owner, { old: ZERO_ID, new: commit, ref: MAIN });
    });
    await sweeping;
    expect(grasp.purgatory.event(waiting.id)).not.toBeNull();
    nowMs += 14 * MINUTE_MS;
    await grasp.sweep();
    expect((await push.finish(await received(owner, commit))).refused.size).toBe(0);
    await push.end();
    expect(await refsOf(owner)).toEqual({ [MAIN]: commit });
  });

  test.each(["the sweep first", "the data first"])(
    "a sweep and a release at once, %s: all of it or nothing (T42)",
    async (order) => {
      const commit = work.commit("a", "one");
      await submit(announce(owner));
      await submit(state(owner, { [MAIN]: commit }));
      await bring(owner, commit);
      nowMs += 31 * MINUTE_MS;
      const both = [() => grasp.sweep(), () => grasp.newGitData("repo", EVERYTHING)];
      if (order === "the data first") both.reverse();
      await Promise.all(both.map((call) => call()));
      const isServed = heard.length > 0;
      expect([heard.length, await refsOf(owner)]).toEqual(isServed ? [2, { [MAIN]: commit }] : [0, {}]);
      expect(isServed).toBe(order === "the data first");
    },
  );

  test("a state by a maintainer prolongs the announcement of each owner whose set has the author, and revives it (R39, P16, P22)", async () => {
    const maintainer = author();
    await submit(announce(owner, [["maintainers", maintainer.key]]));
    const stranger = author();
    await submit(announce(stranger));
    nowMs += 20 * MINUTE_MS;
    await submit(state(maintainer, { [MAIN]: "1".repeat(40) }));
    const deadline = (of: Author) => grasp.purgatory.announcement(of.key, "repo")!.deadlineMs - nowMs;
    expect([deadline(owner), deadline(stranger)]).toEqual([30 * MINUTE_MS, 10 * MINUTE_MS]);
    nowMs += 31 * MINUTE_MS;
    await grasp.sweep();
    expect(repositories.open(owner.key, "repo")).toBeNull();
    await submit(state(maintainer, { [MAIN]: "2".repeat(40) }));
    expect(repositories.open(owner.key, "repo")).not.toBeNull();
    expect(repositories.open(stranger.key, "repo")).toBeNull();
    expect(deadline(owner)).toBe(30 * MINUTE_MS);
  });

  test("an upload without its event is gone after 20 minutes, after a restart too (A33, P20, T13)", async () => {
    const [base, change] = [work.commit("a", "one"), work.commit("a", "two")];
    await submit(announce(owner));
    await submit(state(owner, { [MAIN]: base }));
    await bring(owner, base);
    await grasp.newGitData("repo", EVERYTHING);
    const id = "ab".repeat(32);
    const push = await begin(owner, { old: ZERO_ID, new: change, ref: `refs/nostr/${id}` });
    await push.finish(await received(owner, change));
    await push.end();
    start();
    nowMs += 14 * MINUTE_MS;
    await grasp.start();
    const upload = () => repositories.upload(owner.key, "repo", id);
    await grasp.sweep();
    expect([upload() === null, await repositories.open(owner.key, "repo")!.incomplete([change])]).toEqual([
      false,
      new Set([change]),
    ]);
    nowMs += 6 * MINUTE_MS;
    await grasp.sweep();
    expect([upload(), grasp.purgatory.allPlaceholders()]).toEqual([null, []]);
  });
});

test("an announcement that goes takes the states that it alone authorised, and no others (P35)", async () => {
  const [other, maintainer] = [author(), author()];
  await submit(announce(owner, [["maintainers", maintainer.key]]));
  await submit(announce(other, [["maintainers", maintainer.key]]));
  const both = state(maintainer, { [MAIN]: "1".repeat(40) });
  const own = state(owner, { [MAIN]: "1".repeat(40) });
  for (const event of [both, own]) await submit(event);
  const remove = (of: Author) => submit(of.sign(5, [["a", `30617:${of.key}:repo`]], "", seconds() + 100));
  const waits = () => [both, own].map(({ id }) => grasp.purgatory.event(id) !== null);
  await remove(owner);
  expect(waits()).toEqual([true, false]);
  await remove(other);
  expect(waits()).toEqual([false, false]);
});

test("a version that drops a maintainer says so, and what only that maintainer had waits no more (R36)", async () => {
  const maintainer = author();
  await submit(announce(owner, [["maintainers", maintainer.key]]));
  const theirs = state(maintainer, { [MAIN]: "1".repeat(40) });
  const own = state(owner, { [MAIN]: "1".repeat(40) });
  for (const event of [theirs, own]) expect((await submit(event)).text).toBe(PURGATORY);
  const { ok, text } = await submit(announce(owner));
  expect([ok, text.includes(toNpub(maintainer.key))]).toEqual([true, true]);
  expect([theirs, own].map(({ id }) => grasp.purgatory.event(id) !== null)).toEqual([false, true]);
});

test("a new repository costs no Git process (P7)", async () => {
  const recorded = recordGit(folder);
  try {
    expect((await submit(announce(owner))).text).toBe(PURGATORY);
    expect(repositories.open(owner.key, "repo")).not.toBeNull();
    expect(recorded.calls()).toEqual([]);
    await repositories
      .open(owner.key, "repo")!
      .receive(whole(work.pack([work.commit("a", "one")])), [], BOUNDS);
    expect(recorded.calls().length).toBeGreaterThan(0);
  } finally {
    recorded.stop();
  }
});

test("what sync brings passes the same policy and is told in the same way (R25)", async () => {
  await store.transaction((changes) => changes.save(announce(owner), seconds()));
  const issue = author().sign(1621, [["a", `30617:${owner.key}:repo`]], "", seconds());
  const stray = author().sign(1, [], "", seconds());
  expect([(await submit(issue, SYNC)).ok, (await submit(stray, SYNC)).text.split(":")[0]]).toEqual([
    true,
    "restricted",
  ]);
  expect(heard).toEqual([issue.id]);
});
