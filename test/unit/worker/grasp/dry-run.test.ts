/**
 * What a dry run says is what happens (G29).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DryRunPush } from "../../../../runtime/grasp/dry-run.ts";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import { ZERO_ID } from "../../../../runtime/grasp/git/command-list.ts";
import type { Grasp } from "../../../../runtime/grasp/grasp.ts";
import type { EventStore } from "../../../../runtime/grasp/ports.ts";
import { BOUNDS } from "../../../../runtime/grasp/purgatory/bounds.ts";
import { EVERYTHING } from "../../../../runtime/grasp/release/releases.ts";
import { dryRunHandler } from "../../../../worker/grasp/dry-run.ts";
import type { DiskRepositories } from "../../../../worker/grasp/repositories.ts";
import { sqliteEventStore } from "../../../../worker/grasp/store/event-store.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import { graspOn, repositoriesIn } from "../../../support/grasp.ts";
import { announcementBy, MAIN, PURGATORY, stateBy } from "../../../support/grasp-server.ts";
import { type Author, author } from "../../../support/nostr.ts";

const DIRECT = { source: "direct", address: "192.0.2.1" } as const;
const BOUNDS_OF_PACK = { maxBytes: 10_000_000, maxObjects: 10_000 };
const silent = { now: () => 0, after: () => () => {} };

async function* whole(pack: Uint8Array): AsyncGenerator<Uint8Array> {
  yield pack;
}

describe("dry runs", () => {
  let folder: string;
  let work: WorkTree;
  let store: EventStore;
  let repositories: DiskRepositories;
  let grasp: Grasp;
  let owner: Author;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "millrace-dry-run-"));
    work = workTree(folder);
    store = sqliteEventStore({ path: join(folder, "grasp.db"), clock: silent });
    ({ repositories } = await repositoriesIn(join(folder, "data")));
    grasp = graspOn({ store, repositories });
    owner = author();
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  const submit = (event: NostrEvent) => grasp.submit(event, DIRECT);
  const push = (...commands: [string, string, string][]): DryRunPush => ({
    repository: null,
    commands: commands.map(([old, target, ref]) => ({ old, new: target, ref })),
  });

  /** Everything that is kept, as text. */
  async function kept(): Promise<string> {
    const served = store.query([{ tags: new Map() }], Math.floor(Date.now() / 1000));
    const waiting = grasp.purgatory.identifiers().flatMap((one) => grasp.purgatory.entries(one));
    const list = await repositories.list();
    return JSON.stringify([served, waiting, [...store.journal()], store.intents(), list]);
  }

  /** Asks first, then sends: both say the same, and asking changed nothing and told nobody. */
  async function same(event: NostrEvent): Promise<string> {
    const before = await kept();
    let told = 0;
    const stop = grasp.onHappening(() => told++);
    const { outcome } = await grasp.dryRun(event, null, DIRECT);
    stop();
    expect([await kept(), told]).toEqual([before, 0]);
    expect(await submit(event)).toEqual({
      id: event.id,
      ok: outcome.outcome !== "refused",
      text: outcome.text,
    });
    return outcome.text;
  }

  async function bring(to: Author, ...tips: string[]): Promise<void> {
    const received = await repositories.open(to.key, "repo")!.receive(
      whole(work.pack(tips)),
      tips.map((id) => ({ id, isBranch: false })),
      BOUNDS_OF_PACK,
    );
    if ("fault" in received) throw new Error(JSON.stringify(received.fault));
    await received.quarantine.adopt();
    await grasp.newGitData("repo", EVERYTHING);
  }

  test("what it says of events is what they are answered, and nothing is kept (G29)", async () => {
    const [one, two] = [work.commit("a", "one"), work.commit("a", "two")];
    const [maintainer, stranger] = [author(), author()];
    const announcement = announcementBy(owner, "repo", [["maintainers", maintainer.key]], 1000);
    expect(await same(stateBy(owner, { [MAIN]: one }, "repo", 500))).toMatch(/^invalid: no repository/);
    expect(await same(announcement)).toBe(PURGATORY);
    expect(await same(announcement)).toBe("duplicate: it waits for its git data");
    expect(await same(stateBy(stranger, { [MAIN]: one }))).toMatch(/^invalid: its author is no maintainer/);
    const state = stateBy(maintainer, { [MAIN]: one }, "repo", 1000);
    expect(await same(state)).toBe(PURGATORY);
    await bring(owner, one);
    expect(await same(state)).toBe("duplicate: it is served");
    expect(await same(stateBy(maintainer, { [MAIN]: one }, "repo", 900))).toMatch(/^duplicate: a newer one/);
    // Its objects are here, so that it is served at once.
    expect(await same(stateBy(maintainer, { [MAIN]: one, "refs/heads/b": one }, "repo", 1100))).toBe("");
    expect(await same(stateBy(owner, { [MAIN]: two }, "repo", 1200))).toBe(PURGATORY);
    // The state of its owner's set is served already.
    expect(await same(announcementBy(maintainer, "repo"))).toBe("");
    const pr = (commit: string) =>
      stranger.sign(1618, [
        ["a", `30617:${owner.key}:repo`],
        ["c", commit],
      ]);
    expect(await same(pr(one))).toBe("");
    expect(await same(pr(two))).toBe(PURGATORY);
    expect(await same(stranger.sign(1, [["e", "0".repeat(64)]]))).toMatch(/^restricted:/);
    expect(await same(stranger.sign(1, [["a", `30617:${owner.key}:repo`]]))).toBe("");
    expect(await same(stateBy(owner, {}, "repo", 1300))).toBe("");
  });

  test("an event of a wrong id or signature learns nothing", async () => {
    const event = announcementBy(owner);
    await submit(event);
    for (const wrong of [{ ...event, sig: "0".repeat(128) }, { ...event, id: "0".repeat(64) }, { id: "x" }]) {
      const { outcome, push: decision } = await grasp.dryRun(
        wrong,
        push([ZERO_ID, "1".repeat(40), MAIN]),
        DIRECT,
      );
      expect([outcome.outcome, outcome.reason, decision]).toEqual(["refused", "invalid", null]);
    }
  });

  test("what purgatory has no room for is refused as the event would be (P6)", async () => {
    for (let i = 0; i < BOUNDS.announcement.author; i++) await submit(announcementBy(owner, `r${i}`));
    expect(await same(announcementBy(owner, "one-more"))).toMatch(/^restricted: an author may have/);
    await submit(announcementBy(author(), "repo"));
    const crowd = Array.from({ length: BOUNDS.announcement.identifier - 1 }, () => author());
    for (const one of crowd) await submit(announcementBy(one, "repo"));
    expect(await same(announcementBy(author(), "repo"))).toMatch(/^rate-limited:.*\(identifier\)/);
  });

  test("states that are older than the eight that wait are refused as they would be (P5)", async () => {
    await submit(announcementBy(owner));
    for (let i = 0; i < 8; i++) await submit(stateBy(owner, { [MAIN]: "1".repeat(40) }, "repo", 1000 + i));
    expect(await same(stateBy(owner, { [MAIN]: "1".repeat(40) }, "repo", 900))).toMatch(/^duplicate:/);
    expect(await same(stateBy(owner, { [MAIN]: "1".repeat(40) }, "repo", 2000))).toBe(PURGATORY);
  });

  test("without room on the disk it says so (O24)", async () => {
    grasp = graspOn({ store, repositories, room: { refusal: async (what) => `no room for a ${what}` } });
    expect(await same(announcementBy(owner))).toBe("error: no room for a repository");
  });

  describe("of pushes", () => {
    const [A, B] = ["1".repeat(40), "2".repeat(40)];

    test("an announcement, then a push: there is no state yet; its own state grants it", async () => {
      const announcement = announcementBy(owner);
      const first = await grasp.dryRun(announcement, push([ZERO_ID, A, MAIN]), DIRECT);
      expect(first.push).toMatchObject({ owner: owner.key, isGranted: false, reason: "no_state" });
      await submit(announcement);
      const state = stateBy(owner, { [MAIN]: A });
      const granted = await grasp.dryRun(state, push([ZERO_ID, A, MAIN]), DIRECT);
      expect(granted.push).toMatchObject({ isGranted: true, reason: "granted" });
      const wrong = await grasp.dryRun(state, push([ZERO_ID, B, MAIN]), DIRECT);
      expect(wrong.push).toMatchObject({ isGranted: false, reason: "wrong_value" });
      expect([...wrong.push!.refused]).toEqual([[MAIN, "the state names another commit"]]);
    });

    test("refs that are here count, and refs that the push leaves out (A22)", async () => {
      const [one, two] = [work.commit("a", "one"), work.commit("a", "two")];
      await submit(announcementBy(owner));
      await submit(stateBy(owner, { [MAIN]: one }, "repo", 1000));
      await bring(owner, one);
      const state = stateBy(owner, { [MAIN]: two, "refs/heads/b": two }, "repo", 2000);
      const ask = async (...commands: [string, string, string][]) =>
        (await grasp.dryRun(state, push(...commands), DIRECT)).push!.reason;
      expect(await ask([one, two, MAIN], [ZERO_ID, two, "refs/heads/b"])).toBe("granted");
      expect(await ask([one, two, MAIN])).toBe("missing_refs");
      expect(await ask([A, two, MAIN], [ZERO_ID, two, "refs/heads/b"])).toBe("moved");
    });

    test("a withdrawal leaves no state, not even an older one of another maintainer (R43, A17)", async () => {
      const maintainer = author();
      await submit(announcementBy(owner, "repo", [["maintainers", maintainer.key]]));
      await submit(stateBy(maintainer, { [MAIN]: A }, "repo", 900));
      await submit(stateBy(owner, { [MAIN]: A }, "repo", 1000));
      const { push: decision } = await grasp.dryRun(
        stateBy(owner, {}, "repo", 1100),
        push([ZERO_ID, A, MAIN]),
        DIRECT,
      );
      expect(decision).toMatchObject({ isGranted: false, reason: "no_state" });
    });

    test("a pull request grants its commit below refs/nostr/ (A28)", async () => {
      const one = work.commit("a", "one");
      await submit(announcementBy(owner));
      await submit(stateBy(owner, { [MAIN]: one }));
      await bring(owner, one);
      const pr = author().sign(1618, [
        ["a", `30617:${owner.key}:repo`],
        ["c", B],
      ]);
      const ask = async (commit: string) =>
        (await grasp.dryRun(pr, push([ZERO_ID, commit, `refs/nostr/${pr.id}`]), DIRECT)).push!.reason;
      expect([await ask(B), await ask(A)]).toEqual(["granted", "wrong_commit"]);
    });

    test("a repository that is not here, and an event that is refused", async () => {
      await submit(announcementBy(owner));
      const state = stateBy(owner, { [MAIN]: A });
      const elsewhere = {
        ...push([ZERO_ID, A, MAIN]),
        repository: { owner: author().key, identifier: "repo" },
      };
      expect((await grasp.dryRun(state, elsewhere, DIRECT)).push).toMatchObject({ reason: "not_announced" });
      const refused = await grasp.dryRun(stateBy(author(), { [MAIN]: A }), elsewhere, DIRECT);
      expect(refused.push).toBeNull();
    });
  });
});

describe("the request", () => {
  let nowMs = 0;
  const asked: unknown[] = [];
  const handler = dryRunHandler({
    grasp: {
      async dryRun(event, push) {
        asked.push([event, push]);
        return { outcome: { outcome: "waits", reason: null, text: PURGATORY }, push: null };
      },
    },
    clock: silent,
    nowMs: () => nowMs,
    maxMessageBytes: 2 * 1024 ** 2,
  });
  const post = (body: string, address = "192.0.2.1") =>
    handler(new Request("http://127.0.0.1/dry-run", { method: "POST", body }), address);

  test("ten a minute from one address, then 429 with the time of the next (G29)", async () => {
    nowMs = 1_000_000;
    const address = "192.0.2.9";
    for (let i = 0; i < 10; i++) expect((await post('{"event":{}}', address)).status).toBe(200);
    const refused = await post('{"event":{}}', address);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "6"]);
    expect((await post('{"event":{}}', "192.0.2.8")).status).toBe(200);
    nowMs += 6000;
    expect((await post('{"event":{}}', address)).status).toBe(200);
  });

  test.each([
    ["no JSON", "{"],
    ["a list", "[]"],
    ["no event", '{"commands":[]}'],
    ["a nested event (O32)", `{"event":{"x":${"[".repeat(40)}${"]".repeat(40)}}}`],
    ["commands that are no texts", '{"event":{},"commands":[1]}'],
    ["commands that are none", '{"event":{},"commands":["x"]}'],
    [
      "two commands for a ref",
      `{"event":{},"commands":["${"1".repeat(40)} ${"2".repeat(40)} refs/heads/a","${"1".repeat(40)} ${"2".repeat(40)} refs/heads/a"]}`,
    ],
    [
      "a command with capabilities",
      `{"event":{},"commands":["${"1".repeat(40)} ${"2".repeat(40)} refs/heads/a\\u0000x"]}`,
    ],
    ["a repository that is none", '{"event":{},"commands":[],"repository":"x"}'],
  ])("%s is answered with 400", async (name, body) => {
    asked.length = 0;
    expect((await post(body, name)).status).toBe(400);
    expect(asked).toEqual([]);
  });

  test("a body over 3 MiB is answered with 413", async () => {
    expect((await post(`{"event":{"x":"${"x".repeat(3 * 1024 ** 2)}"}}`, "192.0.2.7")).status).toBe(413);
  });

  test("commands are read as Git sends them", async () => {
    asked.length = 0;
    const { key } = author();
    const lines = [`${"1".repeat(40)} ${"2".repeat(40)} refs/heads/ä`];
    await post(
      JSON.stringify({ event: {}, commands: lines, repository: `${key}/a/b`.replace("/b", "") }),
      "a",
    );
    expect(asked).toEqual([
      [
        {},
        {
          repository: { owner: key, identifier: "a" },
          commands: [{ old: "1".repeat(40), new: "2".repeat(40), ref: "refs/heads/ä" }],
        },
      ],
    ]);
  });
});
