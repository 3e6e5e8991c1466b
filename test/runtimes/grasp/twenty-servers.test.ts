/**
 * Purgatory sync against twenty Git servers on loopback, most of them sick: real Git, and GRASP as `millrace serve` runs it on Node,
 * Bun and Deno. The limits are shown in virtual time, where a minute needs no minute.
 * @module
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { PurgatorySync } from "../../../runtime/grasp/purgatory-sync.ts";
import { domainOf, type SyncEvent } from "../../../runtime/sync/index.ts";
import { disconnectedIds } from "../../../worker/grasp/git/connected-ids.ts";
import { gitFetch } from "../../../worker/grasp/git/fetch.ts";
import { publicAddresses } from "../../../worker/grasp/git/fetch-address.ts";
import { GitPool } from "../../../worker/grasp/git/pool.ts";
import { DiskRepositories, makeDataFolders } from "../../../worker/grasp/repositories.ts";
import { sqliteEventStore } from "../../../worker/grasp/store/event-store.ts";
import { type WorkTree, workTree } from "../../support/git.ts";
import { graspOn, verifyEvent } from "../../support/grasp.ts";
import { graspServer, HOST, MAIN } from "../../support/grasp-server.ts";
import { manualClock } from "../../support/manual-clock.ts";
import { type Author, author } from "../../support/nostr.ts";
import { connect } from "../../support/relay-client.ts";
import { type TwentyServers, twentyServers } from "../../support/sick-git-servers.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";
import { plainLimiter } from "../../unit/runtime/sync/harness.ts";

const SYNC = { source: "sync", address: null } as const;
const UNKNOWN = "1".repeat(40);
const TIPS = 6;

let folder: string;
let work: WorkTree;
let tips: string[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-twenty-"));
  work = workTree(folder);
  tips = Array.from({ length: TIPS }, (_, i) => {
    work.git("checkout", "-q", "--orphan", `line-${i}`);
    work.commit(`file-${i}`, "first");
    return work.commit(`file-${i}`, `second ${i}`);
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = (kind: string) => (kind === "redirects at home" ? "/moved.git" : "/a.git");
const urlsOf = (servers: TwentyServers) => servers.all.map(({ kind, url }) => url + path(kind));

function announcement(by: Author, identifier: string, clone: readonly string[]): NostrEvent {
  const own = `https://${HOST}/${toNpub(by.key)}/${identifier}.git`;
  return by.sign(30617, [
    ["d", identifier],
    ["clone", own, ...clone],
    ["relays", `wss://${HOST}`],
  ]);
}
function state(by: Author, identifier: string, id: string, at: number): NostrEvent {
  return by.sign(
    30618,
    [
      ["d", identifier],
      [MAIN, id],
      ["HEAD", `ref: ${MAIN}`],
    ],
    "",
    at,
  );
}

/** Processes that have not ended and whose parent or command line fits. */
function processes(fits: (parent: number, command: string) => boolean): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const [, status, parent] = /\) (\w) (\d+)/.exec(readFileSync(join("/proc", pid, "stat"), "latin1"))!;
      const command = readFileSync(join("/proc", pid, "cmdline"), "latin1");
      return status !== "Z" && fits(Number(parent), command);
    } catch {
      return false;
    }
  });
}

/** The largest number of times in any window of a minute. */
function mostInAMinute(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  let first = 0;
  return sorted.reduce((most, at, last) => {
    while (sorted[first]! <= at - 60_000) first++;
    return Math.max(most, last - first + 1);
  }, 0);
}

test("in virtual time: every domain's 30 starts a minute and 5 at once, rests as asked, hanging processes killed after 60 s (T54, T55)", async () => {
  const clock = manualClock();
  const servers = await twentyServers(join(folder), work, tips, clock.now);
  const folders = await makeDataFolders(mkdtempSync(join(folder, "data-")));
  const store = sqliteEventStore({
    path: join(folder, "virtual.db"),
    clock: { now: clock.now, after: () => () => {} },
  });
  const pool = new GitPool({ clock });
  const repositories = new DiskRepositories(folders, pool);
  const grasp = graspOn({ store, repositories }, verifyEvent, clock.now);
  await grasp.start();
  const rules = { ownHosts: [HOST], allowInsecure: true };
  const { home, quarantines } = folders;
  const events: SyncEvent[] = [];
  const starts = new Map<string, number[]>();
  const inFlight = new Map<string, number>();
  let mostInFlight = 0;
  let hanging = 0;
  const fetch = gitFetch({
    repositories,
    quarantines,
    home,
    pool,
    clock,
    rules,
    resolve: publicAddresses(true),
  });
  const sync = new PurgatorySync({
    grasp,
    store,
    repositories,
    rules,
    room: { refusal: async () => null },
    async fetch(request, call) {
      const domain = domainOf(request.url)!;
      const isHanging = servers.all.some(({ url, isHanging: hangs }) => hangs && request.url.startsWith(url));
      const note = () => starts.set(domain, [...(starts.get(domain) ?? []), clock.now()]);
      note();
      inFlight.set(domain, (inFlight.get(domain) ?? 0) + 1);
      mostInFlight = Math.max(mostInFlight, ...inFlight.values());
      if (isHanging) hanging++;
      const anotherStart = async () => {
        const isAllowed = await call.anotherStart();
        if (isAllowed) note();
        return isAllowed;
      };
      try {
        return await fetch(request, { ...call, anotherStart });
      } finally {
        inFlight.set(domain, inFlight.get(domain)! - 1);
        if (isHanging) hanging--;
      }
    },
    disconnected: (by, identifier, ids) =>
      disconnectedIds(repositories.pathOf(by, identifier), ids, { home, pool }),
    clock,
    limiter: plainLimiter(clock.now),
    onEvent: (event) => events.push(event),
  });
  sync.start();

  /** Advances the clock only while no process runs but those that wait for a hanging server. */
  async function pass(ms: number, stepMs: number): Promise<void> {
    const until = clock.now() + ms;
    while (clock.now() < until) {
      await clock.settle(stepMs);
      for (let calm = 0; calm < 3; ) {
        const before = events.length;
        await new Promise((resolve) => setTimeout(resolve, 10));
        const underWay = [...inFlight.values()].reduce((sum, count) => sum + count, 0);
        const running = processes((parent) => parent === process.pid).length;
        const busy = underWay > hanging || running > hanging || events.length > before;
        calm = busy ? 0 : calm + 1;
      }
    }
  }

  const owner = author();
  const gone = servers.of("404");
  try {
    for (let i = 0; i < 3; i++) {
      expect(await grasp.submit(announcement(owner, `all-${i}`, urlsOf(servers)), SYNC)).toMatchObject({
        ok: true,
      });
      expect(await grasp.submit(state(owner, `all-${i}`, tips[i]!, 1_800_000_000), SYNC)).toMatchObject({
        ok: true,
      });
    }
    await grasp.submit(announcement(owner, "stuck", [`${servers.of("hangs").url}/a.git`]), SYNC);
    await grasp.submit(state(owner, "stuck", tips[0]!, 1_800_000_000), SYNC);
    for (let i = 0; i < 40; i++) {
      await grasp.submit(announcement(owner, `one-${i}`, [`${gone.url}/${i}.git`]), SYNC);
      await grasp.submit(state(owner, `one-${i}`, UNKNOWN, 1_800_000_000), SYNC);
    }
    await pass(20_000, 1_000);
    // The healthy ones did not wait for the sick: three are served, while fetches from hanging servers still run.
    const released = [0, 1, 2].map((i) => store.newest(30618, owner.key, `all-${i}`)?.id !== undefined);
    expect(released).toEqual([true, true, true]);
    await pass(70_000, 2_000);
    const goneStarts = starts.get(domainOf(gone.url)!)!;
    expect(goneStarts).toHaveLength(40);
    for (const [domain, times] of starts)
      expect([domain, mostInAMinute(times) <= 30]).toEqual([domain, true]);
    expect(mostInAMinute(goneStarts)).toBe(30);
    expect(mostInFlight).toBeLessThanOrEqual(5);
    for (const { url, mostOpen } of servers.all) expect([url, mostOpen <= 5]).toEqual([url, true]);
    const stuck = sync.asked("stuck")[0]!;
    const outcomes = events.flatMap((event) =>
      event.kind === "fetch-ended" && event.identifier === "stuck" ? event.outcome : [],
    );
    expect([stuck.times, outcomes[0]]).toEqual([2, "timeout"]);
    // No server asks for its files one by one, and nobody is sent elsewhere.
    expect(
      servers.of("a page").log.every(({ url }) => url.includes("/info/refs") || url.endsWith("/HEAD")),
    ).toBe(true);
    expect(servers.of("well").log.every(({ url }) => url.startsWith("/a.git/"))).toBe(true);
    // Fetches of what is complete were aborted, and no process is left of them.
    expect(
      events.filter((event) => event.kind === "fetch-ended" && event.outcome === "aborted").length,
    ).toBeGreaterThan(0);
  } finally {
    const stopped = sync.stop(0);
    for (let i = 0; i < 20; i++) await clock.settle(1_000);
    await stopped;
    await servers.stop();
    await store.close();
  }
  // Virtual seconds are shorter than a process needs to end.
  for (let i = 0; i < 200 && readdirSync(quarantines).length > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  expect(readdirSync(quarantines)).toEqual([]);
  expect(processes((_, command) => command.includes(folder) && command.includes("fetch\0--stdin"))).toEqual(
    [],
  );
}, 300_000);

// They mostly wait for servers that do not answer.
describe.concurrent.each<ProcessRuntime>(["node", "bun", "deno"])("GRASP on %s", (runtime) => {
  test("brings what waits from twenty servers, most of them sick, and leaves no process", async () => {
    const own = mkdtempSync(join(folder, `${runtime}-`));
    const servers = await twentyServers(own, work, tips);
    const server = await graspServer(runtime, {
      allowInsecureServers: true,
      allowLoopbackServers: true,
      minFreeBytes: 0,
    });
    try {
      await server.program.stop();
      // As if another relay had sent them before: they wait, and are asked for half a second after the start (P30, T57).
      const owner = author();
      const contributor = author();
      const data = join(server.folder, "data");
      const store = sqliteEventStore({
        path: join(data, "grasp.db"),
        clock: { now: Date.now, after: () => () => {} },
      });
      const pool = new GitPool({ clock: { after: () => () => {} } });
      const repositories = new DiskRepositories(await makeDataFolders(data), pool);
      const grasp = graspOn({ store, repositories });
      await grasp.start();
      const first = state(owner, "repo", tips[0]!, 1_700_000_000);
      const second = state(owner, "repo", UNKNOWN, 1_700_000_001);
      const other = state(owner, "other", tips[1]!, 1_700_000_000);
      for (const event of [
        announcement(owner, "repo", urlsOf(servers)),
        first,
        second,
        announcement(owner, "other", urlsOf(servers).reverse()),
        other,
      ]) {
        expect(await grasp.submit(event, SYNC)).toMatchObject({ ok: true });
      }
      await store.close();
      await server.restart();

      const client = await connect(server.url);
      const served = async (id: string) => {
        for (;;) {
          if ((await client.query({ ids: [id] })).length > 0) return;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      };
      await served(other.id);
      await served(first.id);
      // The newer state names an object that only a lie could bring: it waits, and holds back nothing.
      expect(await client.query({ ids: [second.id] })).toEqual([]);
      // Bytes of a PR's commit come from its author's own server, which is asked for nothing else.
      const proposal = contributor.sign(1618, [
        ["a", `30617:${owner.key}:other`],
        ["c", tips[2]!],
        ["clone", `${servers.of("well 2").url}/a.git`],
      ]);
      expect((await client.publish(proposal))[0]).toBe(true);
      client.close();

      // Every server is asked, and one that asks for fewer requests rests as long as it wishes, or a minute.
      while (servers.all.some(({ log }) => log.length === 0)) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      for (const [kind, restMs] of [
        ["429 with a time", 120_000],
        ["429", 60_000],
        ["503", 60_000],
      ] as const) {
        const times = servers.of(kind).log.map(({ atMs }) => atMs);
        const gaps = times.slice(1).map((at, index) => at - times[index]!);
        expect([kind, gaps.filter((gap) => gap < restMs)]).toEqual([kind, []]);
      }
      for (const { kind, mostOpen } of servers.all) expect([kind, mostOpen <= 5]).toEqual([kind, true]);
      expect(servers.of("well").log.every(({ url }) => url.startsWith("/a.git/"))).toBe(true);
      const { pid } = server.program;
      const hanging = servers.all.filter(({ isHanging }) => isHanging).map(({ url }) => url);
      const ofHanging = () => processes((_, command) => hanging.some((url) => command.includes(url)));
      expect(ofHanging().length).toBeGreaterThan(0);
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      expect(metrics).toMatch(/^purgatory_sync_items_fetched_total [2-9]/m);
      await server.program.stop();
      expect([ofHanging(), processes((parent) => parent === pid)]).toEqual([[], []]);
      expect(readdirSync(join(data, "quarantine"))).toEqual([]);
    } finally {
      await server.stop();
      await servers.stop();
    }
  }, 300_000);
});
