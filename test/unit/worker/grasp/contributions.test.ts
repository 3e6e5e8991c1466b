/**
 * Contributors' repositories (GRASP-06) with real Git, on a clock that the test advances.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Grasp } from "../../../../runtime/grasp/grasp.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import type { EventStore } from "../../../../runtime/grasp/ports.ts";
import { Repairs } from "../../../../runtime/grasp/repair.ts";
import { disconnectedIds } from "../../../../worker/grasp/git/connected-ids.ts";
import { GitPool } from "../../../../worker/grasp/git/pool.ts";
import { sqliteEventStore } from "../../../../worker/grasp/store/event-store.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import { graspOn, repositoriesIn, verifyEvent } from "../../../support/grasp.ts";
import { type ManualClock, manualClock } from "../../../support/manual-clock.ts";
import { type Author, author } from "../../../support/nostr.ts";

const ZERO = "0".repeat(40);
const BOUNDS = { maxBytes: 10_000_000, maxObjects: 10_000 };
const DIRECT = { source: "direct", address: "192.0.2.1" } as const;
const MINUTE_MS = 60_000;

let folder: string;
let work: WorkTree;
let clock: ManualClock;
let store: EventStore;
let repositories: Awaited<ReturnType<typeof repositoriesIn>>["repositories"];
let grasp: Grasp;
let by: Author;
let owner: Author;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-contributions-"));
  work = workTree(folder);
  clock = manualClock();
  [by, owner] = [author(), author()];
  await open();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

async function open(): Promise<void> {
  store = sqliteEventStore({
    path: join(folder, "grasp.db"),
    clock: { now: clock.now, after: () => () => {} },
  });
  ({ repositories } = await repositoriesIn(join(folder, "data")));
  grasp = graspOn({ store, repositories, takesPrs: true }, verifyEvent, clock.now);
  await grasp.start();
}

async function restart(): Promise<void> {
  await store.close();
  await open();
}

/** A pull request whose clone URL is its author's path (X9). */
const pullRequest = (commit: string, more: string[][] = []) =>
  by.sign(
    1618,
    [
      ["a", `30617:${owner.key}:repo`],
      ["c", commit],
      ["clone", `https://git.example/prs/${toNpub(by.key)}/repo.git`],
      ...more,
    ],
    "",
    Math.floor(clock.now() / 1000),
  );
const submit = (event: ReturnType<typeof pullRequest>) => grasp.submit(event, DIRECT);
const nostrRef = (id: string) => `refs/nostr/${id}`;

/** Begins a push to the contributor's repository. @returns finishes it, with why the ref is refused; `undefined`: it is not */
async function beginPush(ref: string, commit: string): Promise<() => Promise<string | undefined>> {
  const name = `prs/${by.key}`;
  const request = {
    owner: name,
    identifier: "repo",
    list: { commands: [{ old: ZERO, new: commit, ref }] },
    address: "192.0.2.1",
  };
  const snapshot = (await repositories.open(name, "repo")?.refs()) ?? {
    version: "",
    refs: new Map<string, string>(),
    head: "refs/heads/main",
  };
  const push = await grasp.pushes.begin(request, snapshot);
  if (push.early.isGranted) await push.prepare();
  return async () => {
    try {
      if (!push.early.isGranted) return push.early.refused.get(ref);
      async function* pack() {
        yield work.pack([commit]);
      }
      const tips = [{ id: commit, isBranch: false }];
      const received = await repositories.open(name, "repo")!.receive(pack(), tips, BOUNDS);
      if ("fault" in received) throw new Error(received.fault.kind);
      return (await push.finish(received.quarantine)).refused.get(ref);
    } finally {
      await push.end();
    }
  };
}
const push = async (ref: string, commit: string) => (await beginPush(ref, commit))();
const refs = async () => [...((await repositories.open(`prs/${by.key}`, "repo")?.refs())?.refs ?? [])];
/** What is on the disk below `git/prs` and `unclaimed/prs`. */
const onDisk = () =>
  ["git", "unclaimed"].filter((one) => {
    try {
      return readdirSync(join(folder, "data", one, "prs")).length > 0;
    } catch {
      return false;
    }
  });

describe("what is not used goes (X11)", () => {
  test("an upload without its event, after 20 minutes, also over a restart (A33, P20, T13)", async () => {
    const commit = work.commit("a", "a");
    expect(await push(nostrRef(pullRequest(commit).id), commit)).toBeUndefined();
    expect(onDisk()).toEqual(["git", "unclaimed"]);
    clock.advance(19 * MINUTE_MS);
    await grasp.sweep();
    expect(onDisk()).toEqual(["git", "unclaimed"]);
    // A restart leaves it five minutes (P29).
    await restart();
    expect(onDisk()).toEqual(["git", "unclaimed"]);
    clock.advance(6 * MINUTE_MS);
    await grasp.sweep();
    expect([onDisk(), grasp.purgatory.size("placeholder")]).toEqual([[], 0]);
  });

  test("nothing while a push is under way, and the repository after one that brings nothing (A42)", async () => {
    const commit = work.commit("a", "a");
    const event = pullRequest(commit);
    await submit(event);
    const finish = await beginPush(nostrRef(event.id), commit);
    expect(onDisk()).toEqual(["git"]);
    clock.advance(31 * MINUTE_MS);
    await grasp.sweep();
    // The event expired, so that the upload is unclaimed; the repository is still there for it.
    expect(grasp.purgatory.size("pr")).toBe(0);
    expect(onDisk()).toEqual(["git"]);
    expect(await finish()).toBeUndefined();
    expect(onDisk()).toEqual(["git", "unclaimed"]);
    expect(await push("refs/heads/main", commit)).toBeDefined();
    clock.advance(21 * MINUTE_MS);
    await grasp.sweep();
    expect(onDisk()).toEqual([]);
  });

  test("a repository with a ref stays", async () => {
    const commit = work.commit("a", "a");
    const event = pullRequest(commit);
    await submit(event);
    await push(nostrRef(event.id), commit);
    clock.advance(24 * 60 * MINUTE_MS);
    await grasp.sweep();
    await restart();
    expect(await refs()).toEqual([[nostrRef(event.id), commit]]);
  });
});

test("a ref of a served PR that a crash lost is set again, and its objects stay (N25, X11)", async () => {
  const commit = work.commit("a", "a");
  const event = pullRequest(commit);
  await submit(event);
  await push(nostrRef(event.id), commit);
  const path = repositories.pathOf(`prs/${by.key}`, "repo")!;
  rmSync(join(path, "refs/nostr"), { recursive: true, force: true });
  rmSync(join(path, "packed-refs"), { force: true });
  await restart();
  expect(await refs()).toEqual([[nostrRef(event.id), commit]]);
});

/** Hourly repair, which asks for nothing elsewhere. @param asked gets the owners of what it would fetch */
function repairsOf(asked: string[]): Repairs {
  const pool = new GitPool({ clock: { after: () => () => {} } });
  const disconnected = (owner: string, identifier: string, ids: readonly string[]) =>
    disconnectedIds(repositories.pathOf(owner, identifier), ids, { home: join(folder, "data/home"), pool });
  return new Repairs({
    ...{ grasp, store, repositories, clock, disconnected, missing: disconnected },
    sync: { repair: (owner) => void asked.push(owner) },
  });
}

test("repair visits contributors' repositories: a lost ref is set again, a lost object is told and not fetched (S24, X16)", async () => {
  const commit = work.commit("a", "a");
  const event = pullRequest(commit);
  await submit(event);
  await push(nostrRef(event.id), commit);
  const name = { owner: `prs/${by.key}`, identifier: "repo" };
  const path = repositories.pathOf(name.owner, name.identifier)!;
  const asked: string[] = [];
  const repairs = repairsOf(asked);
  const check = async () => (await repairs.checkNow(name.owner, name.identifier))?.status;
  expect([await repairs.everyRepository(), await check()]).toEqual([[name], "complete"]);
  rmSync(join(path, "refs/nostr"), { recursive: true, force: true });
  rmSync(join(path, "packed-refs"), { force: true });
  repositories.open(name.owner, name.identifier)!.reload();
  expect((await repairs.inspect(name.owner, name.identifier))?.areRefsRight).toBe(false);
  expect([await check(), await refs(), await check()]).toEqual([
    "repaired",
    [[nostrRef(event.id), commit]],
    "complete",
  ]);
  rmSync(join(path, "objects"), { recursive: true });
  mkdirSync(join(path, "objects"));
  expect([await check(), asked]).toEqual(["incomplete", []]);
});

test("an event that expired is refused from sync and may come again from its author (P18, P24, X9)", async () => {
  const commit = work.commit("a", "a");
  const event = pullRequest(commit);
  await submit(event);
  clock.advance(31 * MINUTE_MS);
  await grasp.sweep();
  expect(await grasp.submit(event, { source: "sync", address: null })).toMatchObject({ ok: false });
  expect(await submit(event)).toMatchObject({ ok: true });
});

test("a PR that is deleted while it is pushed moves no ref and leaves nothing (R58, R61)", async () => {
  const commit = work.commit("a", "a");
  const event = pullRequest(commit);
  await submit(event);
  const finish = await beginPush(nostrRef(event.id), commit);
  await submit(by.sign(5, [["e", event.id]], "", Math.floor(clock.now() / 1000)));
  expect(await finish()).toContain("deleted");
  expect(onDisk()).toEqual([]);
});

test("who vanishes takes the repository along (R62)", async () => {
  const commit = work.commit("a", "a");
  const event = pullRequest(commit);
  await submit(event);
  await push(nostrRef(event.id), commit);
  await submit(by.sign(62, [["relay", "ALL_RELAYS"]], "", Math.floor(clock.now() / 1000)));
  expect(store.get(event.id)).toBeNull();
  expect(onDisk()).toEqual([]);
});

/** A served repository of {@link owner}. */
async function ownersRepository(): Promise<string> {
  const commit = work.commit("base", "base");
  const at = Math.floor(clock.now() / 1000);
  const place = [
    ["clone", `https://git.example/${toNpub(owner.key)}/repo.git`],
    ["relays", "wss://git.example"],
  ];
  await submit(owner.sign(30617, [["d", "repo"], ...place], "", at));
  await submit(
    owner.sign(
      30618,
      [
        ["d", "repo"],
        ["refs/heads/main", commit],
      ],
      "",
      at,
    ),
  );
  async function* pack() {
    yield work.pack([commit]);
  }
  const tips = [{ id: commit, isBranch: true }];
  const received = await repositories.open(owner.key, "repo")!.receive(pack(), tips, BOUNDS);
  if ("fault" in received) throw new Error(received.fault.kind);
  await received.quarantine.adopt();
  await grasp.newGitData("repo", { repository: "all", ids: "all" });
  return commit;
}
/** Tags of a PR that names no path of its author's. */
const withoutUrl = ({ tags }: ReturnType<typeof pullRequest>): string[][] =>
  tags.filter(([name]) => name !== "clone").map((tag) => [...tag]);
const delist = () => submit(owner.sign(30617, [["d", "repo"]], "", Math.floor(clock.now() / 1000) + 1));

describe("bans (O14)", () => {
  test("a banned contributor's repository is held with the PR, and both come back complete", async () => {
    const commit = work.commit("a", "a");
    const event = pullRequest(commit);
    await submit(event);
    await push(nostrRef(event.id), commit);
    await grasp.operator.ban(by.key);
    expect([store.get(event.id), await refs(), await grasp.operator.held()]).toEqual([
      null,
      [],
      [
        {
          owner: by.key,
          identifier: null,
          hasRepository: true,
          events: 1,
          untilMs: clock.now() + 90 * 24 * 60 * MINUTE_MS,
        },
      ],
    ]);
    await grasp.operator.unban(by.key);
    expect(await grasp.operator.restoreAuthor(by.key)).toEqual({ restored: 1, refused: 0 });
    expect([store.get(event.id)?.id, await refs(), await grasp.operator.held()]).toEqual([
      event.id,
      [[nostrRef(event.id), commit]],
      [],
    ]);
  });

  test("a PR that is refused when it shall come back stays held, with its data; deleted, both are gone", async () => {
    const commit = work.commit("a", "a");
    const event = pullRequest(commit);
    await submit(event);
    await push(nostrRef(event.id), commit);
    await grasp.operator.ban(by.key);
    expect(await grasp.operator.restoreAuthor(by.key)).toEqual({ restored: 0, refused: 1 });
    expect([await refs(), await grasp.operator.held()]).toMatchObject([
      [],
      [{ hasRepository: true, events: 1 }],
    ]);
    expect(await grasp.operator.dropHeld(by.key, null)).toBe(true);
    expect(await grasp.operator.held()).toEqual([]);
  });

  test("a push brings a held repository back without the refs of PRs that were deleted meanwhile (R61)", async () => {
    const commit = work.commit("a", "a");
    const [deleted, held] = [pullRequest(commit), pullRequest(commit, [["subject", "held"]])];
    for (const event of [deleted, held]) {
      await submit(event);
      await push(nostrRef(event.id), commit);
    }
    await grasp.operator.ban(by.key);
    await grasp.operator.unban(by.key);
    await submit(by.sign(5, [["e", deleted.id]], "", Math.floor(clock.now() / 1000)));
    const next = pullRequest(work.commit("a", "b"));
    await submit(next);
    await push(nostrRef(next.id), next.tags[1]![1]!);
    const names = async () => (await refs()).map(([name]) => name).sort();
    expect(await names()).toEqual([nostrRef(held.id), nostrRef(next.id)].sort());
    await grasp.operator.restoreAuthor(by.key);
    expect([store.get(held.id)?.id, await names()]).toEqual([
      held.id,
      [nostrRef(held.id), nostrRef(next.id)].sort(),
    ]);
  });

  test("a PR whose data maintenance took meanwhile waits for it (N1)", async () => {
    const base = await ownersRepository();
    const pr = by.sign(1618, withoutUrl(pullRequest(base)), "", Math.floor(clock.now() / 1000));
    await submit(pr);
    expect(store.get(pr.id)).not.toBeNull();
    await grasp.operator.ban(by.key);
    rmSync(repositories.pathOf(owner.key, "repo")!, { recursive: true });
    work.git("init", "-q", "--bare", repositories.pathOf(owner.key, "repo")!);
    await restart();
    await grasp.operator.unban(by.key);
    expect(await grasp.operator.restoreAuthor(by.key)).toEqual({ restored: 1, refused: 0 });
    expect([store.get(pr.id), grasp.purgatory.event(pr.id)?.event.id]).toEqual([null, pr.id]);
  });

  test("what is held with a repository stays held while its author is banned", async () => {
    const base = await ownersRepository();
    const pr = by.sign(1618, withoutUrl(pullRequest(base)), "", Math.floor(clock.now() / 1000));
    const comment = by.sign(1111, [["A", `30617:${owner.key}:repo`]], "", Math.floor(clock.now() / 1000));
    for (const event of [pr, comment]) await submit(event);
    await grasp.operator.eject(owner.key, "repo");
    await grasp.operator.ban(by.key);
    expect(await grasp.operator.restore(owner.key, "repo")).toEqual({ outcome: "served" });
    const here = () =>
      [pr, comment].map(({ id }) => [store.get(id)?.id, grasp.purgatory.event(id)?.event.id]);
    expect([here(), (await grasp.operator.held()).map(({ events }) => events)]).toEqual([
      [
        [undefined, undefined],
        [undefined, undefined],
      ],
      [2],
    ]);
    await grasp.operator.unban(by.key);
    await grasp.newGitData("repo", { repository: "all", ids: "all" });
    expect(here()).toEqual([
      [pr.id, undefined],
      [comment.id, undefined],
    ]);
  });
});

test("a PR that goes with the only repository that it tags leaves its author's repository, too (R59, V2)", async () => {
  const base = await ownersRepository();
  const own = pullRequest(base);
  await submit(own);
  await push(nostrRef(own.id), base);
  const other = by.sign(1618, [...withoutUrl(own), ["subject", "other"]], "", Math.floor(clock.now() / 1000));
  await submit(other);
  expect(await refs()).toHaveLength(2);
  await delist();
  expect([await refs(), store.get(own.id)?.id, store.get(other.id)]).toEqual([
    [[nostrRef(own.id), base]],
    own.id,
    null,
  ]);
});

describe("a repository without refs and uploads goes (X11), also if other PRs of its author name its commits (X14)", () => {
  const delete_ = ({ id }: { id: string }) =>
    submit(by.sign(5, [["e", id]], "", Math.floor(clock.now() / 1000)));
  const update = (commit: string) =>
    by.sign(
      1619,
      [...pullRequest(commit).tags.map((tag) => [...tag]), ["E", "a".repeat(64)], ["P", by.key]],
      "",
      Math.floor(clock.now() / 1000),
    );

  test.each([
    ["its clone URL names the path", (event: ReturnType<typeof pullRequest>) => [...event.tags]],
    ["it has no clone URL", withoutUrl],
  ])("the other PR was never pushed there: %s", async (_name, tagsOf) => {
    const base = await ownersRepository();
    const own = pullRequest(base);
    const tags = tagsOf(own).map((tag) => [...tag]);
    const other = by.sign(1618, [...tags, ["subject", "other"]], "", Math.floor(clock.now() / 1000));
    await submit(other);
    await submit(own);
    await push(nostrRef(own.id), base);
    expect(await refs()).toEqual([[nostrRef(own.id), base]]);
    await delete_(own);
    expect([store.get(other.id)?.id, onDisk()]).toEqual([other.id, []]);
  });

  test("a crash behind the last ref", async () => {
    const base = await ownersRepository();
    const [own, other] = [pullRequest(base), pullRequest(base, [["subject", "other"]])];
    for (const event of [other, own]) await submit(event);
    await push(nostrRef(own.id), base);
    const delete1 = repositories.delete.bind(repositories);
    repositories.delete = () => Promise.reject(new Error("the disk is full"));
    await delete_(own);
    repositories.delete = delete1;
    expect([await refs(), onDisk()]).toEqual([[], ["git"]]);
    await restart();
    expect([store.get(other.id)?.id, onDisk()]).toEqual([other.id, []]);
  });

  test("a push that begins while it goes finds a repository (X10, A42)", async () => {
    const commit = work.commit("a", "a");
    const [own, next] = [pullRequest(commit), pullRequest(work.commit("a", "b"))];
    for (const event of [own, next]) await submit(event);
    await push(nostrRef(own.id), commit);
    const name = { owner: `prs/${by.key}`, identifier: "repo" };
    const remove = repositories.delete.bind(repositories);
    const [goes, mayGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    repositories.delete = async (...place) => {
      goes.resolve();
      await mayGo.promise;
      return remove(...place);
    };
    const deleted = delete_(own);
    await goes.promise;
    const commands = [{ old: ZERO, new: next.tags[1]![1]!, ref: nostrRef(next.id) }];
    const snapshot = await repositories.open(name.owner, name.identifier)!.refs();
    const begun = await grasp.pushes.begin({ ...name, list: { commands }, address: null }, snapshot);
    const prepared = begun.prepare();
    mayGo.resolve();
    await Promise.all([deleted, prepared]);
    expect(repositories.open(name.owner, name.identifier)).not.toBeNull();
    await begun.end();
    expect(onDisk()).toEqual([]);
  });

  test("an update whose PR is not known had brought its commit only (R48, P23)", async () => {
    const commit = work.commit("a", "a");
    const [deleted, expired] = [update(commit), update(work.commit("a", "b"))];
    await submit(deleted);
    await push(nostrRef(deleted.id), commit);
    expect([await refs(), onDisk()]).toEqual([[], ["git"]]);
    await restart();
    expect(onDisk()).toEqual(["git"]);
    await delete_(deleted);
    expect(onDisk()).toEqual([]);

    await submit(expired);
    await push(nostrRef(expired.id), expired.tags[1]![1]!);
    expect(onDisk()).toEqual(["git"]);
    clock.advance(31 * MINUTE_MS);
    await grasp.sweep();
    expect(onDisk()).toEqual([]);

    await submit(update(commit));
    await push(nostrRef(update(commit).id), commit);
    await grasp.operator.ban(by.key);
    expect(onDisk()).toEqual([]);
  });
});

test("a served PR whose own time is over takes its refs with it (R12)", async () => {
  const base = await ownersRepository();
  const until = String(Math.floor(clock.now() / 1000) + 3600);
  const [event, stays] = [pullRequest(base, [["expiration", until]]), pullRequest(base)];
  for (const one of [event, stays]) {
    await submit(one);
    await push(nostrRef(one.id), base);
  }
  clock.advance(61 * MINUTE_MS);
  await grasp.sweep();
  const hosted = async () => [...(await repositories.open(owner.key, "repo")!.refs()).refs.keys()];
  expect([store.get(event.id), await refs(), await hosted()]).toEqual([
    null,
    [[nostrRef(stays.id), base]],
    ["refs/heads/main", nostrRef(stays.id)],
  ]);
  expect(store.intents()).toEqual([]);
});

test("what an upload waits in gets no refs of PRs that other repositories have (S24, X14)", async () => {
  const base = await ownersRepository();
  const other = pullRequest(base);
  await submit(other);
  const upload = pullRequest(base, [["subject", "later"]]);
  await push(nostrRef(upload.id), base);
  expect((await repairsOf([]).checkNow(`prs/${by.key}`, "repo"))?.status).toBe("complete");
  expect([await refs(), onDisk()]).toEqual([[], ["git", "unclaimed"]]);
  await restart();
  expect(await refs()).toEqual([]);
});

test("a ref that a crash made unreadable is set again, although other repositories have it, too (N25)", async () => {
  const base = await ownersRepository();
  const [event, other] = [pullRequest(base), pullRequest(base, [["subject", "other"]])];
  for (const one of [event, other]) {
    await submit(one);
    await push(nostrRef(one.id), base);
  }
  const before = (await refs()).sort();
  writeFileSync(join(repositories.pathOf(`prs/${by.key}`, "repo")!, nostrRef(event.id)), "");
  await restart();
  expect([before.length, (await refs()).sort()]).toEqual([2, before]);
});

test("a dry run says that a PR of X9 would wait, or be served when its upload is here (G29)", async () => {
  const commit = work.commit("a", "a");
  const event = pullRequest(commit);
  expect((await grasp.dryRun(event, null, DIRECT)).outcome.outcome).toBe("waits");
  await push(nostrRef(event.id), commit);
  expect((await grasp.dryRun(event, null, DIRECT)).outcome.outcome).toBe("stored");
});
