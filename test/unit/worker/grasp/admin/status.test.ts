/** The status of the service (O14), on real Git and a real database. Sync, repair and relays are given as values. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "valibot";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Grasp } from "../../../../../runtime/grasp/grasp.ts";
import { ALL_METRICS } from "../../../../../runtime/grasp/metrics.ts";
import { toNpub } from "../../../../../runtime/grasp/npub.ts";
import type { EventStore } from "../../../../../runtime/grasp/ports.ts";
import type { Asked } from "../../../../../runtime/grasp/purgatory-sync/history.ts";
import type { RelayView } from "../../../../../runtime/grasp/relay-sync/events.ts";
import { declareAll } from "../../../../../runtime/observe/metric-list.ts";
import { createMetrics } from "../../../../../runtime/observe/metrics.ts";
import type { DomainView } from "../../../../../runtime/sync/index.ts";
import { StatusReader } from "../../../../../worker/grasp/admin/read-status.ts";
import { Recent } from "../../../../../worker/grasp/admin/recent.ts";
import { MAX_NEWEST, MAX_RECENT, MAX_ROWS } from "../../../../../worker/grasp/admin/status.ts";
import { graspSection } from "../../../../../worker/grasp/config.ts";
import { Disk } from "../../../../../worker/grasp/disk.ts";
import { Settings } from "../../../../../worker/grasp/settings.ts";
import { sqliteEventStore } from "../../../../../worker/grasp/store/event-store.ts";
import { type WorkTree, workTree } from "../../../../support/git.ts";
import { graspOn, repositoriesIn, verifyEvent } from "../../../../support/grasp.ts";
import { announcementBy, MAIN, stateBy } from "../../../../support/grasp-server.ts";
import { type ManualClock, manualClock } from "../../../../support/manual-clock.ts";
import { type Author, author } from "../../../../support/nostr.ts";

const DIRECT = { source: "direct", address: "192.0.2.1" } as const;
const START_SECONDS = Math.floor(Date.now() / 1000);

let folder: string;
let work: WorkTree;
let store: EventStore;
let grasp: Grasp;
let clock: ManualClock;
let reader: StatusReader;
let owner: Author;
let domains: DomainView[];
let relays: RelayView[];
let asked: Asked[];
/** Commands of Git that looked for objects. */
let looks: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-status-"));
  work = workTree(folder);
  clock = manualClock(START_SECONDS * 1000);
  store = sqliteEventStore({ path: join(folder, "grasp.db"), clock });
  const { repositories, folders, pool } = await repositoriesIn(join(folder, "data"), clock);
  const run = pool.run.bind(pool);
  looks = 0;
  pool.run = (share, address, git) => {
    looks++;
    return run(share, address, git);
  };
  grasp = graspOn({ store, repositories }, verifyEvent, () => clock.now());
  await grasp.start();
  owner = author();
  [domains, relays, asked] = [[], [], []];
  const section = parse(
    graspSection.schema({}, () => false),
    { domain: "git.example" },
  );
  const settings = new Settings(section, { tokenHash: null, readOnlyTokenHash: null });
  const metrics = createMetrics();
  declareAll(metrics, ALL_METRICS);
  reader = new StatusReader({
    parts: {
      ...{ settings, repositories, folders, store, pool },
      build: { version: "1.2.3", commit: "", git: "2.39", runtime: "node" },
      disk: new Disk({
        git: folders.git,
        clock,
        limits: () => settings.diskLimits(),
        freeBytes: async () => 7,
      }),
      nowMs: () => clock.now(),
      nowSeconds: () => Math.floor(clock.now() / 1000),
      host: { clock, random: { fill: (target) => void target.fill(0xab) } },
      shared: { metrics },
    },
    core: { grasp, relay: { connections: 3, subscriptions: 4 } },
    background: {
      purgatorySync: {
        sync: {
          inspect: () => ({ queued: 5, domains }),
          asked: () => asked,
          isQueued: (identifier) => identifier === "repo",
        },
        repairs: {
          counts: () => ({ checked: 2, repaired: 1, incomplete: 0, oldestMs: null }),
          of: () => null,
        },
      },
      relaySync: { view: () => ({ relays, refusedHot: 1, refusedCold: 2 }) },
    },
    sample: async () => metrics.gauge("grasp_connections", 3),
  });
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

test("an empty service has figures, and empty lists", async () => {
  clock.advance(60_000);
  const status = await reader.read();
  expect(status).toMatchObject({
    service: "grasp",
    instance: "abababab",
    started_ms: START_SECONDS * 1000,
    now_ms: START_SECONDS * 1000 + 60_000,
    domain: "git.example",
    build: { version: "1.2.3" },
    connections: 3,
    subscriptions: 4,
    purgatory: { oldest_ms: null, entries: [], entries_left_out: 0 },
    sync: { queued: 5, domains: [], domains_left_out: 0 },
    relays: { tracked: 0, connected: 0, list: [], list_left_out: 0, refused_hot: 1, refused_cold: 2 },
    repositories: { count: 0, newest: [], repair: { checked: 2, repaired: 1 } },
    free_bytes: 7,
    git: { limit: 64, refused: 0 },
    recent: [],
  });
  expect(status.git.shares.map(({ share }) => share)).toEqual([
    "own",
    "push",
    "read",
    "fetch",
    "maintenance",
  ]);
  expect(status.metrics.find(({ name }) => name === "grasp_connections")?.series).toMatchObject([
    { value: 3 },
  ]);
});

test("what waits is shown with what is missing, who was asked, and how long it waits (O14)", async () => {
  const announcement = announcementBy(owner, "repo", [], START_SECONDS);
  await grasp.submit(announcement, DIRECT);
  clock.advance(1000);
  const [here, there] = [work.commit("a", "one"), "b".repeat(40)];
  const state = stateBy(owner, { [MAIN]: here, "refs/heads/other": there }, "repo", START_SECONDS);
  await grasp.submit(state, DIRECT);
  asked = Array.from({ length: 7 }, (_, i) => ({
    url: `https://other.example/${i}.git`,
    startedMs: clock.now() + i,
    endedMs: null,
    outcome: null,
    items: 0,
    answer: null,
    times: 1,
  }));
  const { purgatory } = await reader.read();
  expect(purgatory).toMatchObject({
    counts: { announcement: 1, state: 1, pr: 0, placeholder: 0 },
    oldest_ms: START_SECONDS * 1000,
    entries_left_out: 0,
  });
  const [first, second] = purgatory.entries;
  expect(first).toMatchObject({ store: "announcement", id: announcement.id, named: 0, missing: null });
  expect(second).toMatchObject({
    store: "state",
    id: state.id,
    identifiers: ["repo"],
    author: toNpub(owner.key),
    since_ms: START_SECONDS * 1000 + 1000,
    until_ms: START_SECONDS * 1000 + 1000 + 30 * 60_000,
    source: "direct",
    is_queued: true,
    named: 2,
    missing: 2,
    asked_left_out: 2,
  });
  expect(second!.missing_ids.toSorted()).toEqual([here, there].toSorted());
  expect(second!.asked.map(({ url }) => url)).toEqual(
    [6, 5, 4, 3, 2].map((i) => `https://other.example/${i}.git`),
  );
});

test("Git looks for missing objects in four repositories at a time, and not again within ten seconds", async () => {
  for (let i = 0; i < 6; i++) {
    await grasp.submit(announcementBy(owner, `repo-${i}`, [], START_SECONDS), DIRECT);
    const state = stateBy(owner, { [MAIN]: "c".repeat(40) }, `repo-${i}`, START_SECONDS);
    await grasp.submit(state, DIRECT);
  }
  const lookedAt = async () => {
    const before = looks;
    const { purgatory } = await reader.read();
    return [looks - before, purgatory.entries.filter(({ missing }) => missing !== null).length];
  };
  expect(await lookedAt()).toEqual([4, 4]);
  expect(await lookedAt()).toEqual([2, 6]);
  expect(await lookedAt()).toEqual([0, 6]);
  clock.advance(10_000);
  expect(await lookedAt()).toEqual([4, 6]);
});

describe("every list is bounded, and says how many are left out", () => {
  test("purgatory: the oldest are shown, and a command sees all", async () => {
    for (let i = 0; i < 8; i++) {
      await grasp.submit(announcementBy(owner, `repo-${i}`, [], START_SECONDS), DIRECT);
      clock.advance(1000);
    }
    const { purgatory } = await reader.read(5);
    expect([purgatory.entries.length, purgatory.entries_left_out]).toEqual([5, 3]);
    expect(purgatory.entries[0]!.identifiers).toEqual(["repo-0"]);
    expect((await reader.read(Number.POSITIVE_INFINITY)).purgatory.entries).toHaveLength(8);
    expect((await reader.read(0)).purgatory).toMatchObject({ entries: [], entries_left_out: 8 });
  });

  test("domains, the busiest first", async () => {
    domains = Array.from({ length: MAX_ROWS + 2 }, (_, i) => ({
      ...{ domain: `${i}.example`, maxConcurrent: 5, maxPerMinute: 30, inFlight: i, waiting: 0 },
      ...{ remaining: null, opensInMs: 0, failures: 0, rests: 0 },
    }));
    const { sync } = await reader.read();
    expect([sync.domains.length, sync.domains_left_out, sync.domains[0]!.domain]).toEqual([
      MAX_ROWS,
      2,
      `${MAX_ROWS + 1}.example`,
    ]);
  });

  test("relays, those in trouble first", async () => {
    relays = Array.from({ length: MAX_ROWS + 2 }, (_, i) => ({
      ...{ url: `wss://${i}.example`, isBootstrap: false, health: "healthy", usesNegentropy: true },
      ...{ subscriptions: 1, pending: 0, retryAtMs: null, failures: 0, avoidedBecause: null },
      ...{ historyAtMs: 1000, identifiers: 1, state: "connected" },
    }));
    relays[50] = { ...relays[50]!, state: "avoided", avoidedBecause: "tls", retryAtMs: 5000 };
    relays[60] = { ...relays[60]!, state: "disconnected", failures: 3, retryAtMs: 4000 };
    const status = (await reader.read()).relays!;
    expect(status).toMatchObject({ tracked: MAX_ROWS + 2, connected: MAX_ROWS, list_left_out: 2 });
    expect(status.list).toHaveLength(MAX_ROWS);
    expect(status.list.slice(0, 2)).toMatchObject([
      { url: "wss://50.example", state: "avoided", avoided_because: "tls", retry_at_ms: 5000 },
      { url: "wss://60.example", state: "disconnected", failures: 3, history_at_ms: 1000 },
    ]);
  });

  test("what happened: the newest first, and no whole id (O13)", () => {
    const recent = new Recent(() => 5);
    const error = new Error(`no object ${"c".repeat(40)}`);
    for (let i = 0; i < MAX_RECENT + 5; i++)
      recent.listen({ kind: "release-failed", identifier: `repo-${i}`, event: null, error });
    recent.listen({ kind: "served", event: announcementBy(owner), waitedMs: null });
    const list = recent.list();
    expect(list).toHaveLength(MAX_RECENT);
    expect(list[0]).toEqual({
      at_ms: 5,
      level: "error",
      message: "a release failed",
      details: `identifier repo-${MAX_RECENT + 4}, error no object cccccccc…`,
    });
  });

  test("the newest announcements that are served", async () => {
    const authors = Array.from({ length: MAX_NEWEST + 1 }, () => author());
    await store.transaction((changes) => {
      for (const [i, one] of authors.entries()) {
        const announced = announcementBy(one, "repo", [["name", `The ${i}`]], START_SECONDS - 100 + i);
        changes.save(announced, START_SECONDS);
      }
    });
    const { newest } = (await reader.read()).repositories;
    expect(newest).toHaveLength(MAX_NEWEST);
    expect(newest[0]).toMatchObject({
      owner: toNpub(authors.at(-1)!.key),
      identifier: "repo",
      name: `The ${MAX_NEWEST}`,
      bytes: null,
      repair: null,
    });
  });
});
