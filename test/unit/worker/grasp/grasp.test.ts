import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import type { Grasp } from "../../../../runtime/grasp/grasp.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import type { EventStore } from "../../../../runtime/grasp/ports.ts";
import { isBackup } from "../../../../runtime/grasp/release/backups.ts";
import { EVERYTHING } from "../../../../runtime/grasp/release/releases.ts";
import type { DiskRepositories } from "../../../../worker/grasp/repositories.ts";
import { sqliteEventStore } from "../../../../worker/grasp/store/event-store.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import { graspOn, repositoriesIn, verifyEvent } from "../../../support/grasp.ts";
import { type Author, author } from "../../../support/nostr.ts";

const DIRECT = { source: "direct", address: "192.0.2.1" } as const;
const MAIN = "refs/heads/main";
const BOUNDS = { maxBytes: 10_000_000, maxObjects: 10_000 };
const PURGATORY = "purgatory: won't be served until git data arrives";

async function* whole(pack: Uint8Array): AsyncGenerator<Uint8Array> {
  yield pack;
}

describe("events and Git data", () => {
  let folder: string;
  let work: WorkTree;
  let store: EventStore;
  let grasp: Grasp;
  let repositories: DiskRepositories;
  let owner: Author;
  let heard: string[];
  let verified: number;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "millrace-grasp-"));
    work = workTree(folder);
    store = sqliteEventStore({
      path: join(folder, "grasp.db"),
      clock: { now: Date.now, after: () => () => {} },
    });
    ({ repositories } = await repositoriesIn(join(folder, "data")));
    owner = author();
    start();
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  function start(): void {
    heard = [];
    verified = 0;
    grasp = graspOn({ store, repositories }, (event) => {
      verified++;
      return verifyEvent(event);
    });
    grasp.onHappening((happening) => {
      if (happening.kind === "served") heard.push(happening.event.id);
    });
  }

  const announcement = (by: Author, more: string[][] = [], at?: number) => {
    const path = `${toNpub(by.key)}/repo.git`;
    return by.sign(
      30617,
      [["d", "repo"], ["clone", `https://git.example/${path}`], ["relays", "wss://git.example"], ...more],
      "",
      at,
    );
  };
  const state = (by: Author, refs: string[][], at?: number) =>
    by.sign(30618, [["d", "repo"], ...refs, ["HEAD", `ref: ${MAIN}`]], "", at);
  const submit = (event: NostrEvent) => grasp.submit(event, DIRECT);
  /** Refs that are not backups (N21). */
  const refsOf = async (by: Author) => {
    const { refs } = await repositories.open(by.key, "repo")!.refs();
    return new Map([...refs].filter(([ref]) => !isBackup(ref)));
  };

  /** What a push does once it is granted: objects in, then the one way in. */
  async function push(to: Author, ...tips: string[]) {
    const received = await repositories.open(to.key, "repo")!.receive(
      whole(work.pack(tips)),
      tips.map((id) => ({ id, isBranch: false })),
      BOUNDS,
    );
    if ("fault" in received) throw new Error(JSON.stringify(received.fault));
    await received.quarantine.adopt();
    return grasp.newGitData("repo", EVERYTHING);
  }

  test("announce, state, push: what waited is served, in this order, and refs and HEAD are the state's", async () => {
    const commit = work.commit("a", "one");
    const [first, second] = [announcement(owner), state(owner, [[MAIN, commit]])];
    expect(await submit(first)).toEqual({ id: first.id, ok: true, text: PURGATORY });
    expect(await submit(second)).toEqual({ id: second.id, ok: true, text: PURGATORY });
    expect([store.get(first.id), store.get(second.id), heard]).toEqual([null, null, []]);
    const { released, moved } = await push(owner, commit);
    expect(released.map(({ id }) => id)).toEqual([first.id, second.id]);
    expect(heard).toEqual([first.id, second.id]);
    expect([...(await refsOf(owner))]).toEqual([[MAIN, commit]]);
    expect(moved.map((one) => [one.owner, one.updates.length])).toEqual([[owner.key, 1]]);
    expect([...store.journal(), ...store.intents()]).toEqual([]);
  });

  test("a second call changes nothing and tells nobody (N17)", async () => {
    const commit = work.commit("a", "one");
    await submit(announcement(owner));
    await submit(state(owner, [[MAIN, commit]]));
    await push(owner, commit);
    heard = [];
    expect(await grasp.newGitData("repo", EVERYTHING)).toMatchObject({ released: [], errors: [] });
    expect(heard).toEqual([]);
  });

  test("data first and the state later: served at once (R40)", async () => {
    const [one, two] = [work.commit("a", "one"), work.commit("a", "two")];
    await submit(announcement(owner));
    await submit(state(owner, [[MAIN, one]], 1000));
    await push(owner, two);
    expect(await submit(state(owner, [[MAIN, two]], 2000))).toMatchObject({ ok: true, text: "" });
    expect([...(await refsOf(owner))]).toEqual([[MAIN, two]]);
  });

  test("objects without a state release no announcement (N10, T35)", async () => {
    const first = announcement(owner);
    await submit(first);
    await push(owner, work.commit("a", "one"));
    expect([store.get(first.id), (await refsOf(owner)).size]).toEqual([null, 0]);
  });

  test("a stranger's announcement of the identifier goes on waiting (T36)", async () => {
    const stranger = author();
    const commit = work.commit("a", "one");
    const theirs = announcement(stranger);
    await submit(theirs);
    await submit(announcement(owner));
    await submit(state(owner, [[MAIN, commit]]));
    await push(owner, commit);
    expect([store.get(theirs.id), (await refsOf(stranger)).size]).toEqual([null, 0]);
  });

  test("a state that is not complete waits; one tip's missing history holds it back (P10)", async () => {
    const [one, two] = [work.commit("a", "one"), work.commit("a", "two")];
    await submit(announcement(owner));
    await submit(
      state(owner, [
        [MAIN, one],
        ["refs/heads/next", two],
      ]),
    );
    expect((await push(owner, one)).released).toEqual([]);
    expect((await push(owner, two)).released).toHaveLength(2);
  });

  test("refs that a newer state does not name are deleted; a turned into a/b too (A21, N9, T39)", async () => {
    const commit = work.commit("a", "one");
    await submit(announcement(owner));
    await submit(
      state(
        owner,
        [
          [MAIN, commit],
          ["refs/heads/a", commit],
          ["refs/tags/v1", commit],
        ],
        1000,
      ),
    );
    await push(owner, commit);
    await submit(
      state(
        owner,
        [
          [MAIN, commit],
          ["refs/heads/a/b", commit],
        ],
        2000,
      ),
    );
    expect([...(await refsOf(owner)).keys()].sort()).toEqual(["refs/heads/a/b", MAIN]);
    await submit(
      state(
        owner,
        [
          [MAIN, commit],
          ["refs/heads/a", commit],
        ],
        3000,
      ),
    );
    expect([...(await refsOf(owner)).keys()].sort()).toEqual(["refs/heads/a", MAIN]);
  });

  test("a maintainer's state moves every owner's repository whose set has the maintainer (N7, N8)", async () => {
    const maintainer = author();
    const commit = work.commit("a", "one");
    await submit(announcement(owner, [["maintainers", maintainer.key]]));
    await submit(announcement(maintainer));
    await submit(state(maintainer, [[MAIN, commit]]));
    await push(maintainer, commit);
    expect([[...(await refsOf(owner))], [...(await refsOf(maintainer))]]).toEqual([
      [[MAIN, commit]],
      [[MAIN, commit]],
    ]);
  });

  test("a pull request waits for exactly its commit, and its ref is set (N11)", async () => {
    const [base, change] = [work.commit("a", "one"), work.commit("a", "two")];
    await submit(announcement(owner));
    await submit(state(owner, [[MAIN, base]]));
    await push(owner, base);
    const contributor = author();
    const pr = contributor.sign(1618, [
      ["a", `30617:${owner.key}:repo`],
      ["c", change],
    ]);
    expect(await submit(pr)).toMatchObject({ ok: true, text: PURGATORY });
    await push(owner, change);
    expect(store.get(pr.id)?.id).toBe(pr.id);
    expect((await refsOf(owner)).get(`refs/nostr/${pr.id}`)).toBe(change);
  });

  test("what the operator denies is not served any more and is held; allowed again, its announcement brings it back (R26)", async () => {
    const [first, other] = [announcement(owner), author()];
    const commit = work.commit("a", "one");
    const pinned = state(owner, [[MAIN, commit]]);
    await submit(first);
    await submit(pinned);
    await submit(announcement(other));
    await push(owner, commit);
    const note = author().sign(1, [["a", `30617:${owner.key}:repo`]]);
    await submit(note);
    const denied = grasp.known.lists.denyRepositories as Set<string>;

    denied.add(`${toNpub(owner.key)}/repo`);
    expect(await grasp.removeDenied()).toEqual([{ owner: owner.key, identifier: "repo" }]);
    expect([first, pinned, note].map(({ id }) => store.get(id))).toEqual([null, null, null]);
    expect(repositories.open(owner.key, "repo")).toBeNull();
    expect((await submit(first)).text).toMatch(/^blocked:/);
    expect((await submit(pinned)).text).toMatch(/^invalid:/);
    // Another owner's repository of the identifier goes on waiting.
    expect(repositories.open(other.key, "repo")).not.toBeNull();
    expect(await grasp.removeDenied()).toEqual([]);
    expect([...store.intents()]).toEqual([]);

    denied.add("repo");
    expect(await grasp.removeDenied()).toEqual([{ owner: other.key, identifier: "repo" }]);
    expect([grasp.purgatory.size("announcement"), repositories.open(other.key, "repo")]).toEqual([0, null]);

    denied.clear();
    expect((await submit(first)).ok).toBe(true);
    expect([first, pinned, note].map(({ id }) => store.get(id)?.id)).toEqual([first.id, pinned.id, note.id]);
    expect([...(await refsOf(owner))]).toEqual([[MAIN, commit]]);
  });

  test("where names fold, an owner's second spelling is refused, waiting or served (R27)", async () => {
    const spelled = (identifier: string) => {
      const path = `${toNpub(owner.key)}/${identifier}.git`;
      const tags = [
        ["d", identifier],
        ["clone", `https://git.example/${path}`],
        ["relays", "wss://git.example"],
      ];
      return owner.sign(30617, tags);
    };
    grasp = graspOn({ store, repositories, foldsNames: true });
    await submit(announcement(owner));
    expect((await submit(spelled("Repo"))).text).toMatch(/^invalid: .*"repo"/);
    const commit = work.commit("a", "one");
    await submit(state(owner, [[MAIN, commit]]));
    await push(owner, commit);
    expect(grasp.purgatory.size("announcement")).toBe(0);
    expect((await submit(spelled("Repo"))).text).toMatch(/^invalid: .*"repo"/);
    expect(await submit(spelled("other"))).toMatchObject({ ok: true, text: PURGATORY });
  });

  test("a known event is a duplicate, and its signature is not verified again (R8, R15)", async () => {
    const first = announcement(owner);
    await submit(first);
    const waiting = state(owner, [[MAIN, "1".repeat(40)]]);
    await submit(waiting);
    const before = verified;
    expect((await submit(waiting)).text).toMatch(/^duplicate:/);
    expect(verified).toBe(before);
  });

  test.each<[string, (event: NostrEvent) => object]>([
    ["another id", (event) => ({ ...event, id: "0".repeat(64) })],
    ["another content", (event) => ({ ...event, content: "x" })],
    ["a signature that is not the author's", (event) => ({ ...event, sig: "0".repeat(128) })],
    ["no shape", () => ({ id: "x" })],
  ])("an event with %s is invalid", async (_name, change) => {
    const { ok, text } = await grasp.submit(change(announcement(owner)), DIRECT);
    expect([ok, text.split(":")[0]]).toEqual([false, "invalid"]);
  });

  test("a failing database is never an acceptance (R16, T46)", async () => {
    const event = announcement(owner);
    store.transaction = () => Promise.reject(new Error("disk full"));
    expect((await submit(event)).text).toMatch(/^error: /);
    expect(grasp.purgatory.announcement(owner.key, "repo")).toBeNull();
  });

  test("after a restart what waited is there, and what became complete meanwhile is released (P27, P32)", async () => {
    const commit = work.commit("a", "one");
    const [first, second] = [announcement(owner), state(owner, [[MAIN, commit]])];
    await submit(first);
    await submit(second);
    const received = await repositories
      .open(owner.key, "repo")!
      .receive(whole(work.pack([commit])), [], BOUNDS);
    await (received as { quarantine: { adopt(): Promise<void> } }).quarantine.adopt();
    start();
    await grasp.start();
    expect([store.get(first.id)?.id, store.get(second.id)?.id]).toEqual([first.id, second.id]);
    expect([...(await refsOf(owner))]).toEqual([[MAIN, commit]]);
  });
});
