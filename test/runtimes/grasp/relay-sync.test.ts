/**
 * Relay sync (GRASP-02) over real WebSockets, HTTP and Git: two servers of ours that list each other, on Node, Bun and Deno.
 * Deadlines are shown in virtual time, in test/unit/runtime/grasp/relay-sync.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import getPort from "get-port";
import { describe, expect, test } from "vitest";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { workTree } from "../../support/git.ts";
import { MAIN, PURGATORY, runGitClient, stateBy } from "../../support/grasp-server.ts";
import { author } from "../../support/nostr.ts";
import { announcementOn, metric, type Peer, peer, served, until } from "../../support/peers.ts";
import { connect } from "../../support/relay-client.ts";
import { runCli } from "../../support/run-cli.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

const TIMEOUT_MS = 120_000;

/** What one test works with. Tests mostly wait for servers, so that several run at the same time. */
class World {
  readonly folder = mkdtempSync(join(tmpdir(), "millrace-relay-sync-"));
  readonly work = workTree(this.folder);
  readonly owner = author();
  readonly #peers: Peer[] = [];

  readonly start = async (runtime: ProcessRuntime, sync: Record<string, unknown> = {}): Promise<Peer> => {
    const one = await peer(runtime, sync);
    this.#peers.push(one);
    return one;
  };

  /** Pushes a branch as its commit is now. */
  readonly push = async ({ server }: Peer, identifier: string, by = this.owner): Promise<void> => {
    const { code, output } = await runGitClient(
      this.work.path,
      ...["push", "-q", server.repository(by, identifier), "HEAD:main"],
    );
    expect(code, output).toBe(0);
  };

  /** What a server's repository has at `main`. */
  readonly main = async ({ server }: Peer, identifier: string): Promise<string> => {
    const { output } = await runGitClient(
      this.folder,
      ...["ls-remote", server.repository(this.owner, identifier), MAIN],
    );
    return output.split("\t")[0]!;
  };

  readonly address = (identifier: string) => `30617:${this.owner.key}:${identifier}`;
  readonly issue = (identifier: string, text: string) =>
    author().sign(1621, [["a", this.address(identifier)]], text);

  async end(): Promise<void> {
    await Promise.all(this.#peers.map(({ server }) => server.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function inWorld(run: (world: World) => Promise<void>): () => Promise<void> {
  return async () => {
    const world = new World();
    try {
      await run(world);
    } finally {
      await world.end();
    }
  };
}

/** Publishes events on a server, and expects that it takes them. */
async function publish({ server }: Peer, ...events: readonly NostrEvent[]): Promise<void> {
  const client = await connect(server.url);
  for (const event of events)
    expect([event.kind, await client.publish(event)]).toEqual([event.kind, [true, expect.any(String)]]);
  client.close();
}

/** Ids that a server serves. */
async function idsOn({ server }: Peer): Promise<string[]> {
  const client = await connect(server.url);
  const ids = await client.query({ kinds: [1, 5, 1111, 1618, 1621, 30617, 30618] });
  client.close();
  return ids.sort();
}

const comment = (on: NostrEvent) =>
  author().sign(1111, [
    ["E", on.id],
    ["K", String(on.kind)],
    ["e", on.id],
    ["k", String(on.kind)],
  ]);

describe.concurrent.each<ProcessRuntime>(["node", "bun", "deno"])("two servers on %s", (runtime) => {
  test(
    "what one gets arrives at the other live: a state waits there until its Git data is fetched, then all that follows it (L1, L6, L7, L12, L20)",
    inWorld(async ({ issue, main, owner, push, start, work }) => {
      const [a, b] = [await start(runtime), await start(runtime)];
      const announcement = announcementOn([a, b], owner, "repo");
      await publish(a, announcement);
      await publish(b, announcement);
      // The relay is followed although the announcement only waits.
      await until(async () => (await metric(b.server.url, "grasp_relays_connected")) === 1);
      const id = work.commit("one", "1");
      const state = stateBy(owner, { [MAIN]: id }, "repo");
      await publish(a, state);
      // What waits is in no answer (R24): it comes as soon as its data are there.
      expect([await idsOn(a), await idsOn(b)]).toEqual([[], []]);
      await push(a, "repo");
      await served(b.server.url, announcement, state);
      expect(await main(b, "repo")).toBe(id);
      expect(await metric(b.server.url, 'grasp_events_received_total{outcome="waits",source="sync"}')).toBe(
        1,
      );

      const opened = issue("repo", "it is broken");
      await publish(a, opened);
      await served(b.server.url, opened);
      const answer = comment(opened);
      await publish(b, answer);
      await served(a.server.url, answer);
      expect(await idsOn(a)).toEqual(await idsOn(b));
      expect(
        await metric(b.server.url, 'grasp_events_received_total{outcome="stored",source="sync"}'),
      ).toBeGreaterThan(0);
      expect(await metric(b.server.url, `grasp_relay_status{relay="ws://${a.host}"}`)).toBeGreaterThanOrEqual(
        2,
      );
    }),
    TIMEOUT_MS,
  );

  test(
    "what happened while one was away arrives when it is back, Git data and deletions too (L8, L17, L27, T59)",
    inWorld(async ({ address, issue, main, owner, push, start, work }) => {
      const [a, b] = [await start(runtime), await start(runtime)];
      const announcement = announcementOn([a, b], owner, "repo");
      await publish(a, announcement);
      await publish(b, announcement);
      const first = stateBy(owner, { [MAIN]: work.commit("one", "1") }, "repo", 1_700_000_000);
      await publish(a, first);
      await push(a, "repo");
      const early = issue("repo", "early");
      const mine = author();
      const regretted = mine.sign(1621, [["a", address("repo")]], "never mind");
      await publish(a, early, regretted);
      await served(b.server.url, announcement, first, early, regretted);

      await b.server.program.stop();
      const tip = work.commit("two", "2");
      const second = stateBy(owner, { [MAIN]: tip }, "repo", 1_700_000_100);
      const late = issue("repo", "late");
      const replies = Array.from({ length: 40 }, () => comment(late));
      await publish(a, second);
      await push(a, "repo");
      await publish(a, late, ...replies, mine.sign(5, [["e", regretted.id]]));
      const other = announcementOn([a, b], owner, "other");
      await publish(a, other);
      const otherState = stateBy(owner, { [MAIN]: tip }, "other");
      await publish(a, otherState);
      await push(a, "other");

      await b.server.restart();
      await served(b.server.url, second, late, ...replies, other, otherState);
      await until(async () => (await idsOn(b)).join() === (await idsOn(a)).join());
      expect([await main(b, "repo"), await main(b, "other")]).toEqual([tip, tip]);
      expect(await idsOn(b)).not.toContain(regretted.id);
    }),
    TIMEOUT_MS,
  );

  test(
    "a server that has only a bootstrap relay finds what lists it there; without NIP-77 in pages (L2, L8, L10)",
    inWorld(async ({ main, owner, push, start, work }) => {
      const a = await start(runtime);
      const b = await start(runtime, { bootstrap: [`ws://${a.host}`], negentropy: false });
      const elsewhere = announcementOn([a], owner, "elsewhere");
      const here = announcementOn([a, b], owner, "here");
      const id = work.commit("one", "1");
      const state = stateBy(owner, { [MAIN]: id }, "here");
      await publish(a, here, elsewhere, state);
      await push(a, "here");
      await served(b.server.url, here, state);
      expect(await main(b, "here")).toBe(id);
      // What does not list it is refused, and may be let in later (L22).
      await publish(a, stateBy(owner, { [MAIN]: id }, "elsewhere"));
      await push(a, "elsewhere");
      await until(async () => (await metric(b.server.url, 'grasp_relay_refused{place="cold"}')) > 0);
      expect(await idsOn(b)).not.toContain(elsewhere.id);
    }),
    TIMEOUT_MS,
  );

  test(
    "a refused announcement is known over a restart and is not fetched again; once a maintainer names its author, it is (L22, L23, L24, T44)",
    inWorld(async ({ owner, push, start, work }) => {
      const a = await start(runtime);
      const b = await start(runtime, { bootstrap: [`ws://${a.host}`] });
      const friend = author();
      const theirs = announcementOn([a], friend, "shared");
      const id = work.commit("one", "1");
      await publish(a, theirs, stateBy(friend, { [MAIN]: id }, "shared"));
      await push(a, "shared", friend);
      await served(a.server.url, theirs);
      await until(async () => (await metric(b.server.url, 'grasp_relay_refused{place="cold"}')) >= 1);
      await b.server.restart();
      await until(async () => (await metric(b.server.url, "grasp_relays_connected")) === 1);
      expect(await metric(b.server.url, 'grasp_relay_refused{place="cold"}')).toBeGreaterThanOrEqual(1);
      // The owner's announcement names the friend: the refused one is served now (R29).
      const client = await connect(b.server.url);
      const mine = announcementOn([a, b], owner, "shared", [["maintainers", friend.key]]);
      expect(await client.publish(mine)).toEqual([true, PURGATORY]);
      client.close();
      await served(b.server.url, theirs);
    }),
    TIMEOUT_MS,
  );

  test(
    "an operator lets a relay be asked again at once, by its URL or by a repository (O14)",
    inWorld(async ({ owner, start }) => {
      const a = await start(runtime);
      const b = await start(runtime, { bootstrap: [`ws://${a.host}`] });
      const histories = () => metric(b.server.url, 'grasp_relay_histories_total{result="complete"}');
      await until(async () => (await histories()) === 1);
      const announcement = announcementOn([a, b], owner, "repo");
      await publish(b, announcement);
      const config = join(b.server.folder, "config.json");
      const sync = (what: string) => runCli(runtime, ["grasp", "sync", what, "--config", config, "--json"]);
      const { code, stdout } = await sync(`ws://${a.host}`);
      expect([code, JSON.parse(stdout)]).toEqual([0, { relay: `ws://${a.host}`, outcome: "asked" }]);
      await until(async () => (await histories()) >= 2);
      expect(await sync("wss://elsewhere.example")).toMatchObject({ code: 1, stdout: "" });
      // The relay of a new announcement is followed a moment later (L12).
      await until(async () => (await sync(`${toNpub(owner.key)}/repo`)).stdout.includes(`"ws://${a.host}"`));
      expect(await idsOn(b)).toEqual([]);
    }),
    TIMEOUT_MS,
  );

  test(
    "it says that it follows relays exactly when it does (O7), and is ready before any relay answers",
    inWorld(async ({ start }) => {
      const nobody = `ws://127.0.0.1:${await getPort()}`;
      const silent = await start(runtime, { bootstrap: [nobody] });
      expect((await fetch(`${silent.server.url}/ready`)).status).toBe(200);
      const graspsOf = async ({ server }: Peer) => {
        const answer = await fetch(server.url, { headers: { accept: "application/nostr+json" } });
        return ((await answer.json()) as { supported_grasps: string[] }).supported_grasps;
      };
      expect(await graspsOf(silent)).toEqual(["GRASP-01", "GRASP-02"]);
      const off = await start(runtime, { enabled: false, bootstrap: [nobody] });
      expect(await graspsOf(off)).toEqual(["GRASP-01"]);
      await until(
        async () => (await metric(silent.server.url, 'grasp_relay_failures_total{reason="connection"}')) > 0,
      );
      expect(await metric(off.server.url, "grasp_relay_attempts_total")).toBe(0);
    }),
    TIMEOUT_MS,
  );
});
