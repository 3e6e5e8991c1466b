import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Archive } from "../../../../runtime/grasp/archive.ts";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import type { Grasp } from "../../../../runtime/grasp/grasp.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import type { EventStore } from "../../../../runtime/grasp/ports.ts";
import type { GitFetchRequest } from "../../../../runtime/grasp/purgatory-sync/git-fetch.ts";
import { PurgatorySync } from "../../../../runtime/grasp/purgatory-sync.ts";
import { EVERYTHING } from "../../../../runtime/grasp/release/releases.ts";
import {
  type FetchCall,
  RateLimited,
  SourceUnusable,
  type SyncEvent,
} from "../../../../runtime/sync/index.ts";
import { disconnectedIds } from "../../../../worker/grasp/git/connected-ids.ts";
import { GitPool } from "../../../../worker/grasp/git/pool.ts";
import {
  type DataFolders,
  DiskRepositories,
  makeDataFolders,
} from "../../../../worker/grasp/repositories.ts";
import { sqliteEventStore } from "../../../../worker/grasp/store/event-store.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import { graspOn, verifyEvent } from "../../../support/grasp.ts";
import { announcementBy, stateBy } from "../../../support/grasp-server.ts";
import { type ManualClock, manualClock } from "../../../support/manual-clock.ts";
import { type Author, author } from "../../../support/nostr.ts";
import { plainLimiter } from "../../runtime/sync/harness.ts";

const MAIN = "refs/heads/main";
const BOUNDS = { maxBytes: 10_000_000, maxObjects: 10_000 };
const DIRECT = { source: "direct", address: "192.0.2.1" } as const;
const SYNC = { source: "sync", address: null } as const;
const MINUTE_MS = 60_000;

let folder: string;
let work: WorkTree;
let commits: string[];
let data: DataFolders;
let store: EventStore;
let repositories: DiskRepositories;
let clock: ManualClock;
/** By how much GRASP's clock is ahead of the engine's. */
let aheadMs = 0;
let grasp: Grasp;
let sync: PurgatorySync;
let owner: Author;
let heard: string[];
let events: SyncEvent[];
/** What each URL answers; others have nothing. */
let servers: Map<string, Answer>;
/** What a server waits for before it answers. */
let gates: Map<string, Promise<void>>;
let asked: { request: GitFetchRequest; atMs: number; call: FetchCall }[];

type Answer = readonly string[] | Error | "hangs";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-sync-"));
  work = workTree(folder);
  commits = ["one", "two", "three"].map((text) => {
    work.git("checkout", "-q", "--orphan", text);
    return work.commit(text, text);
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeEach(async () => {
  const directory = mkdtempSync(join(folder, "data-"));
  data = await makeDataFolders(directory);
  clock = manualClock();
  // The database's own timers are not looked at.
  const ofStore = { now: clock.now, after: () => () => {} };
  store = sqliteEventStore({ path: join(directory, "grasp.db"), clock: ofStore });
  repositories = new DiskRepositories(data, new GitPool({ clock: { after: () => () => {} } }));
  owner = author();
  servers = new Map();
  gates = new Map();
  asked = [];
  aheadMs = 0;
  await start();
});
afterEach(async () => {
  const stopped = sync.stop(0);
  await clock.settle(1);
  await stopped;
  expect([clock.waiting(), readdirSync(data.quarantines)]).toEqual([0, []]);
  await store.close();
});

async function start(archive: Archive | null = null): Promise<void> {
  heard = [];
  events = [];
  grasp = graspOn({ store, repositories, takesPrs: true, archive }, verifyEvent, () => clock.now() + aheadMs);
  grasp.onHappening((happening) => {
    if (happening.kind === "served") heard.push(happening.event.id);
  });
  await grasp.start();
  const rules = { ownHosts: ["git.example"], allowInsecure: false };
  const pool = new GitPool({ clock: { after: () => () => {} } });
  sync = new PurgatorySync({
    grasp,
    store,
    repositories,
    rules,
    room: { refusal: async () => null },
    fetch: answer,
    disconnected: (by, identifier, ids) =>
      disconnectedIds(repositories.pathOf(by, identifier), ids, { home: data.home, pool }),
    clock,
    limiter: plainLimiter(() => clock.now()),
    onEvent: (event) => events.push(event),
  });
  sync.start();
}

async function answer(request: GitFetchRequest, call: FetchCall) {
  asked.push({ request, atMs: clock.now(), call });
  const has = servers.get(request.url) ?? [];
  if (has instanceof Error) throw has;
  if (has === "hangs") {
    return new Promise<never>((_, reject) =>
      call.signal.addEventListener("abort", () => reject(call.signal.reason)),
    );
  }
  await gates.get(request.url);
  const ids = request.ids.filter((id) => has.includes(id));
  if (ids.length === 0) return null;
  const pack = work.pack(ids);
  const tips = ids.map((id) => ({ id, isBranch: false }));
  const received = await repositories.open(request.owner, request.identifier)!.receive(
    (async function* () {
      yield pack;
    })(),
    tips,
    BOUNDS,
  );
  if ("fault" in received) throw new Error(received.fault.kind);
  return { ids, quarantine: received.quarantine };
}

const grasped = (host: string, by: Author) => `https://${host}/${toNpub(by.key)}/repo.git`;
/** An announcement that lists these clone URLs beside ours. */
const announcement = (by: Author, clone: readonly string[] = [], at?: number) =>
  by.sign(
    30617,
    [
      ["d", "repo"],
      ["clone", grasped("git.example", by), ...clone],
      ["relays", "wss://git.example"],
    ],
    "",
    at,
  );
const state = (by: Author, refs: Record<string, string>, at?: number) =>
  by.sign(30618, [["d", "repo"], ...Object.entries(refs), ["HEAD", `ref: ${MAIN}`]], "", at);
const submit = async (event: NostrEvent, from: typeof DIRECT | typeof SYNC = DIRECT) => {
  expect(await grasp.submit(event, from)).toMatchObject({ ok: true });
};
/** Advances the clock, and lets Git's processes end, whatever they need. */
async function pass(ms: number, stepMs = 500): Promise<void> {
  const until = clock.now() + ms;
  while (clock.now() < until) {
    await clock.settle(Math.min(stepMs, until - clock.now()));
    await quiet();
  }
}
/** Waits until nothing happens any more that is not the clock's. */
async function quiet(): Promise<void> {
  for (let calm = 0; calm < 3; ) {
    const before = events.length;
    await new Promise((resolve) => setTimeout(resolve, isBusy() ? 15 : 1));
    calm = isBusy() || events.length > before ? 0 : calm + 1;
  }
}
/** Whether an attempt or turn works with Git, or a fetch moves in. Hanging servers are not waited for. */
function isBusy(): boolean {
  const count = (kind: SyncEvent["kind"]) => events.filter((event) => event.kind === kind).length;
  const hangs = (url: string) => servers.get(url) === "hangs" || gates.has(url);
  const hanging = asked.filter(({ request }) => hangs(request.url)).length;
  const open = count("attempt-started") - count("attempt-ended");
  return open > 0 && !(hanging > 0 && count("fetch-started") > count("fetch-ended"));
}
const urls = () => asked.map(({ request }) => request.url);

describe("the queue (S1, S2, S16, P30)", () => {
  test.each([
    ["direct", DIRECT, 180_000],
    ["synced", SYNC, 500],
  ] as const)("a %s event is fetched for after its delay", async (_, from, delayMs) => {
    const url = "https://one.example/a.git";
    servers.set(url, [commits[0]!]);
    await submit(announcement(owner, [url]));
    const waiting = state(owner, { [MAIN]: commits[0]! });
    const arrivedMs = clock.now();
    await submit(waiting, from);
    await pass(delayMs + 2_000);
    expect(urls()).toEqual([url]);
    // The loop looks once a second.
    expect(asked[0]!.atMs - arrivedMs).toBeGreaterThanOrEqual(delayMs);
    expect(asked[0]!.atMs - arrivedMs).toBeLessThanOrEqual(delayMs + 1_000);
    expect(heard).toHaveLength(2);
    expect(heard[1]).toBe(waiting.id);
    expect([...(await repositories.open(owner.key, "repo")!.refs()).refs]).toEqual([[MAIN, commits[0]]]);
    expect([sync.isQueued("repo"), events.filter(({ kind }) => kind === "completed").length]).toEqual([
      false,
      1,
    ]);
  });

  test("a copy from another server ends the wait for the push, once an event: copies again do not end a backoff (S1)", async () => {
    const url = "https://one.example/a.git";
    await submit(announcement(owner, [url]));
    const waiting = state(owner, { [MAIN]: commits[0]! });
    await submit(waiting);
    await pass(10_000);
    expect(urls()).toEqual([]);
    const copiedMs = clock.now();
    await submit(waiting, SYNC);
    await pass(3_000);
    expect(asked.map(({ atMs }) => atMs - copiedMs <= 1_500)).toEqual([true]);
    await submit(waiting, SYNC);
    await pass(5_000);
    expect(urls()).toEqual([url]);
    servers.set(url, [commits[0]!]);
    await pass(20_000);
    expect([urls(), heard[1]]).toEqual([[url, url], waiting.id]);
  });

  test("an announcement alone queues nothing", async () => {
    await submit(announcement(owner, ["https://one.example/a.git"]), SYNC);
    await pass(3_000);
    expect([sync.isQueued("repo"), asked]).toEqual([false, []]);
  });

  test("a PR for no repository here is not fetched, also beside another owner's repository (X16)", async () => {
    const [by, stranger] = [author(), author()];
    const elsewhere = "https://one.example/a.git";
    servers.set(elsewhere, [commits[0]!]);
    const clone = ["clone", `https://git.example/prs/${toNpub(by.key)}/repo.git`, elsewhere];
    await submit(by.sign(1618, [["a", `30617:${stranger.key}:repo`], ["c", commits[0]!], clone]), SYNC);
    await submit(announcement(owner, [elsewhere]), SYNC);
    await pass(3 * MINUTE_MS, 30_000);
    expect([sync.isQueued("repo"), asked]).toEqual([false, []]);
    // Once its repository is here, its commit is fetched into that, and never below /prs/.
    await submit(announcement(stranger, [elsewhere]), SYNC);
    await submit(state(stranger, { [MAIN]: commits[0]! }), SYNC);
    await pass(3_000);
    expect(asked.map(({ request }) => request.owner)).toEqual([stranger.key]);
    expect(repositories.open(`prs/${by.key}`, "repo")).toBeNull();
  });

  test("a large import into the archive does not hold up our own users (X5)", async () => {
    await sync.stop(0);
    await start({ rules: new Set(["all"]), isReadOnly: false });
    const stranger = author();
    const elsewhere = "https://one.example";
    for (let i = 0; i < 35; i++) {
      servers.set(`${elsewhere}/${i}.git`, [commits[0]!]);
      const tags = [
        ["d", `import-${i}`],
        ["clone", `${elsewhere}/${i}.git`],
        ["relays", "wss://one.example"],
      ];
      await submit(stranger.sign(30617, tags), SYNC);
      await submit(stateBy(stranger, { [MAIN]: commits[0]! }, `import-${i}`), SYNC);
    }
    // On a busy machine the file answers later than the clock goes on.
    for (let seconds = 0; asked.length < 30 && seconds < 30; seconds++) await pass(1_000);
    await pass(2_000);
    // The window of the host is full.
    expect(asked.length).toBe(30);
    servers.set(`${elsewhere}/own.git`, [commits[1]!]);
    await submit(announcement(owner, [`${elsewhere}/own.git`]), SYNC);
    const own = state(owner, { [MAIN]: commits[1]! });
    await submit(own, SYNC);
    await pass(60_000, 5_000);
    // What was fetched moves in outside of the clock's time.
    await vi.waitFor(() => expect(heard).toContain(own.id), 20_000);
    await pass(20_000);
    expect(urls()[30]).toBe(`${elsewhere}/own.git`);
    expect(urls().length).toBe(36);
    expect(heard).toContain(own.id);
  });

  test("one entry serves all owners, and an identifier with a colon is one", async () => {
    await submit(announcement(owner, ["https://one.example/a.git"]));
    await submit(state(owner, { [MAIN]: commits[0]! }));
    await submit(state(owner, { [MAIN]: commits[1]! }, Math.floor(Date.now() / 1000) + 1));
    expect(sync.inspect().queued).toBe(1);
  });

  test("release by a push, which no running fetch holds up, drops the entry and aborts the fetch (S16, S23, P36)", async () => {
    const url = "https://one.example/a.git";
    servers.set(url, "hangs");
    await submit(announcement(owner, [url]));
    await submit(state(owner, { [MAIN]: commits[0]! }), SYNC);
    await pass(3_000);
    expect(urls()).toEqual([url]);
    const repository = repositories.open(owner.key, "repo")!;
    const received = await repository.receive(
      (async function* () {
        yield work.pack([commits[0]!]);
      })(),
      [{ id: commits[0]!, isBranch: true }],
      BOUNDS,
    );
    await (received as { quarantine: { adopt(): Promise<void> } }).quarantine.adopt();
    await grasp.newGitData("repo", EVERYTHING);
    expect(sync.isQueued("repo")).toBe(false);
    await pass(500);
    expect(asked[0]!.call.signal.aborted).toBe(true);
    expect(events).toContainEqual(expect.objectContaining({ kind: "fetch-ended", outcome: "aborted" }));
  });

  test.each(["deletion", "expiry"])("%s drops the entry and aborts the fetch (S16, P36)", async (how) => {
    const url = "https://one.example/a.git";
    servers.set(url, "hangs");
    await submit(announcement(owner, [url]));
    const waiting = state(owner, { [MAIN]: commits[0]! });
    await submit(waiting, SYNC);
    await pass(3_000);
    if (how === "deletion") await submit(owner.sign(5, [["e", waiting.id]]));
    else {
      // The sweep comes before the engine looks.
      aheadMs = 31 * MINUTE_MS;
      await grasp.sweep();
    }
    expect(sync.isQueued("repo")).toBe(false);
    await pass(500);
    expect(asked[0]!.call.signal.aborted).toBe(true);
    const kinds = events.map(({ kind }) => kind);
    expect(kinds.includes("expired")).toBe(how === "expiry");
  });

  test("after a restart everything that waits is queued, PRs too, with what is left of its delay (T57)", async () => {
    const url = "https://one.example/a.git";
    servers.set(url, commits);
    await submit(announcement(owner, [url]));
    await submit(state(owner, { [MAIN]: commits[0]! }), SYNC);
    await pass(5_000);
    expect(sync.isQueued("repo")).toBe(false);
    const contributor = author();
    await submit(
      contributor.sign(1618, [
        ["a", `30617:${owner.key}:repo`],
        ["c", commits[1]!],
      ]),
    );
    await pass(100_000);
    await sync.stop(0);
    asked = [];
    const restartedMs = clock.now();
    await start();
    await pass(85_000);
    expect(urls()).toEqual([url]);
    expect(asked[0]!.atMs - restartedMs).toBeGreaterThanOrEqual(75_000);
    expect((await repositories.open(owner.key, "repo")!.refs()).refs.size).toBe(2);
  });
});

test("a start after a crash asks at once what the last run was asking: no lease has to end (S28)", async () => {
  const url = "https://one.example/a.git";
  servers.set(url, "hangs");
  await submit(announcement(owner, [url]));
  await submit(state(owner, { [MAIN]: commits[0]! }), SYNC);
  await pass(1_000);
  const crashed = sync;
  expect(urls()).toEqual([url]);
  asked = [];
  servers.set(url, commits);
  await start();
  await pass(1_000);
  expect([urls(), (await repositories.open(owner.key, "repo")!.refs()).refs.size]).toEqual([[url], 1]);
  const stopped = crashed.stop(0);
  await clock.settle(5_000);
  await stopped;
});

describe("what is asked of whom (S3, S6, S7, S10, S14, S15)", () => {
  test("what one server has is in before the next is asked; only the rest is asked for", async () => {
    const [one, two] = ["https://one.example/a.git", "https://two.example/a.git"];
    servers.set(one, [commits[0]!]).set(two, commits);
    await submit(announcement(owner, [one, two]));
    const [first, second] = [
      state(owner, { [MAIN]: commits[0]! }, 1_800_000_000),
      state(owner, { [MAIN]: commits[1]! }, 1_800_000_001),
    ];
    await submit(first, SYNC);
    await submit(second, SYNC);
    await pass(3_000);
    expect(asked.map(({ request }) => [request.url, request.ids])).toEqual([
      [one, [commits[0], commits[1]]],
      [two, [commits[1]]],
    ]);
    // Partial release: the older state came first.
    expect(heard.slice(1)).toEqual([first.id, second.id]);
  });

  test("our own hosts are never asked", async () => {
    await submit(announcement(owner, ["https://GIT.example./x.git"]));
    await submit(state(owner, { [MAIN]: commits[0]! }), SYNC);
    await pass(30_000);
    expect(asked).toEqual([]);
  });

  test("a server that asks for fewer requests without a time rests 60 s, then 120 s (S32)", async () => {
    const url = "https://one.example/a.git";
    servers.set(url, new RateLimited(null));
    await submit(announcement(owner, [url]));
    await submit(state(owner, { [MAIN]: commits[0]! }), SYNC);
    await pass(7 * MINUTE_MS);
    const rests = events.flatMap((event) => (event.kind === "domain-rested" ? event.restMs : []));
    expect(rests.slice(0, 2)).toEqual([60_000, 120_000]);
    expect(asked[1]!.atMs - asked[0]!.atMs).toBeGreaterThanOrEqual(60_000);
    expect(asked[2]!.atMs - asked[1]!.atMs).toBeGreaterThanOrEqual(120_000);
    expect(sync.asked("repo")[0]).toMatchObject({ url, outcome: "limited" });
  });

  test("a URL that is set aside is asked again after a fresh start; other URLs of its host meanwhile", async () => {
    const [gone, here] = ["https://one.example/gone.git", "https://one.example/here.git"];
    servers.set(gone, new SourceUnusable("it answered 404", null));
    await submit(announcement(owner, [gone, here]));
    await submit(state(owner, { [MAIN]: commits[0]! }, 1_800_000_000), SYNC);
    await pass(5 * MINUTE_MS);
    expect(urls().filter((url) => url === gone)).toHaveLength(1);
    expect(urls().filter((url) => url === here).length).toBeGreaterThan(2);
    expect(sync.asked("repo")).toContainEqual(
      expect.objectContaining({ url: gone, outcome: "unusable", answer: "it answered 404", times: 1 }),
    );
    await submit(state(owner, { [MAIN]: commits[1]! }, 1_800_000_001), SYNC);
    await pass(3_000);
    expect(urls().filter((url) => url === gone)).toHaveLength(2);
  });

  test("five large fetches from one host take ten minutes each: the host stays open, and what waits lives on (T56)", async () => {
    const names = ["one", "two", "three", "four", "five", "six"];
    const open: (() => void)[] = [];
    for (const [n, name] of names.entries()) {
      const url = `https://slow.example/${name}.git`;
      servers.set(url, commits);
      if (n < 5) gates.set(url, new Promise((resolve) => open.push(resolve)));
      await submit(announcementBy(owner, name, [["clone", url]]));
      await submit(stateBy(owner, { [MAIN]: commits[0]! }, name), SYNC);
      await pass(1_000);
      // Git looks for the objects first, outside of the clock's time.
      for (let tries = 0; asked.length < Math.min(n + 1, 5) && tries < 200; tries++) await pass(10);
    }
    const startMs = clock.now();
    while (clock.now() < startMs + 10 * MINUTE_MS) {
      await pass(50_000, 50_000);
      for (const { call } of asked) call.onProgress();
      await grasp.sweep();
    }
    expect([asked.length, asked.filter(({ call }) => call.signal.aborted)]).toEqual([5, []]);
    gates.clear();
    for (const go of open) go();
    await pass(5_000);
    expect(asked.map(({ request }) => request.identifier).sort()).toEqual([...names].sort());
    expect(store.withIdentifier(30_618, "six")).toHaveLength(1);
    expect(names.filter((name) => store.withIdentifier(30_618, name).length === 0)).toEqual([]);
  });

  test("bytes of a fetch prolong what waits for it, at most 2 h after arrival (P15)", async () => {
    // An attempt ends after some time, and the next server is asked.
    const slow = ["one", "two", "three", "four", "five"].map((name) => `https://${name}.example/a.git`);
    for (const url of slow) servers.set(url, "hangs");
    await submit(announcement(owner, slow));
    const waiting = state(owner, { [MAIN]: commits[0]! });
    await submit(waiting, SYNC);
    const arrivedMs = clock.now();
    await pass(2_000);
    const flow = async (minutes: number) => {
      while (clock.now() < arrivedMs + minutes * MINUTE_MS) {
        await pass(50_000, 50_000);
        asked.at(-1)!.call.onProgress();
        await quiet();
      }
    };
    const deadlines = () => [
      grasp.purgatory.event(waiting.id)!.deadlineMs,
      grasp.purgatory.announcement(owner.key, "repo")!.deadlineMs,
    ];
    await flow(30);
    for (const deadline of deadlines()) {
      expect(deadline).toBeGreaterThan(arrivedMs + 40 * MINUTE_MS);
      expect(deadline).toBeLessThan(arrivedMs + 120 * MINUTE_MS);
    }
    // From then on, bytes move nothing any more.
    await flow(119);
    expect(deadlines().map((deadline) => deadline - arrivedMs)).toEqual([120 * MINUTE_MS, 120 * MINUTE_MS]);
    await flow(125);
    expect(deadlines().map((deadline) => deadline - arrivedMs)).toEqual([120 * MINUTE_MS, 120 * MINUTE_MS]);
  });
});

describe("repair (S25)", () => {
  test("what a repository lost is fetched again into it, though its refs say that it is here", async () => {
    const url = "https://one.example/a.git";
    servers.set(url, commits);
    await submit(announcement(owner, [url]));
    const served = state(owner, { [MAIN]: commits[0]! });
    await submit(served, SYNC);
    await pass(3_000);
    const packs = join(repositories.pathOf(owner.key, "repo")!, "objects/pack");
    for (const name of readdirSync(packs)) rmSync(join(packs, name));
    asked = [];
    sync.repair(owner.key, "repo", [served]);
    await pass(183_000);
    expect(asked.map(({ request }) => [request.owner, request.ids, request.isRepair])).toEqual([
      [owner.key, [commits[0]], true],
    ]);
    expect(await repositories.open(owner.key, "repo")!.incomplete([commits[0]!])).toEqual(new Set());
    expect(sync.isQueued("repo")).toBe(false);
  });
});
