/**
 * Kills a server at random moments while clients publish and push, and compares it with what it acknowledged after each start.
 * @module
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import { announcementBy, MAIN, runGitClient, stateBy } from "../../../support/grasp-server.ts";
import { author } from "../../../support/nostr.ts";
import { connect } from "../../../support/relay-client.ts";
import type { ProcessRuntime } from "../../../support/spawn.ts";
import { KillableServer } from "./killable.ts";
import { type Counts, Ledger, Refused } from "./ledger.ts";

export interface RandomKills {
  readonly runtime: ProcessRuntime;
  /** Number of kills. */
  readonly kills: number;
  /** A number from 0 to 1, and the next one at each call. */
  readonly random: () => number;
  /** Called after each kill and check. */
  readonly onKill?: (kill: number, counts: Counts, findings: readonly string[]) => void;
}

/** Clients at once, each with a repository of its own. */
const CLIENTS = 4;
/** Commits that a client can push in a round. */
const COMMITS = 12;
/** Most acknowledgements before a kill, and the longest time in which they come, in milliseconds. */
const MAX_ACKNOWLEDGED = 40;
const MAX_ALIVE_MS = 10_000;
/** Longest time from the last of them to the kill, in milliseconds. */
const MAX_MORE_MS = 60;
/** Share of the kills that come while the server starts. */
const DURING_START = 0.2;
/** How many of its first steps it may take then. */
const MAX_START_STEPS = 40;
/** How many rounds back each check looks; the last one looks at all. */
const LOOK_BACK = 2;

/** @returns what was acknowledged, and what is wrong */
export async function killAtRandom(options: RandomKills): Promise<{ counts: Counts; findings: string[] }> {
  const { runtime, kills, random, onKill } = options;
  const server = new KillableServer(runtime);
  const trees = Array.from({ length: CLIENTS }, (_, client) => treeWithCommits(server.folder, client));
  const rounds: Ledger[] = [];
  const findings: string[] = [];
  const counts = () =>
    rounds.reduce(
      (sum, { counts: each }) => ({
        events: sum.events + each.events,
        pushes: sum.pushes + each.pushes,
        unanswered: sum.unanswered + each.unanswered,
      }),
      { events: 0, pushes: 0, unanswered: 0 },
    );
  try {
    await server.start();
    for (let kill = 1; kill <= kills; kill++) {
      const ledger = new Ledger();
      rounds.push(ledger);
      const ended = Promise.allSettled(
        trees.map((tree, client) => live(server.url, tree, ledger, kill, client)),
      );
      const wanted = random() * MAX_ACKNOWLEDGED;
      const deadline = performance.now() + MAX_ALIVE_MS;
      while (ledger.counts.events + ledger.counts.pushes < wanted && performance.now() < deadline)
        await sleep(5);
      await sleep(random() * MAX_MORE_MS);
      await server.kill();
      for (const outcome of await ended) {
        if (outcome.status === "rejected" && outcome.reason instanceof Refused)
          findings.push(`kill ${kill}: ${outcome.reason.message}`);
      }
      // Only Node takes the module that counts steps.
      if (runtime === "node" && random() < DURING_START) {
        await server.startCounted(1 + Math.floor(random() * MAX_START_STEPS));
        await server.kill();
      }
      await server.start();
      const found: string[] = [];
      for (const each of rounds.slice(-LOOK_BACK)) found.push(...(await each.check(server.url, server.data)));
      findings.push(...found.map((text) => `kill ${kill}: ${text}`));
      onKill?.(kill, counts(), found);
    }
    for (const each of rounds) findings.push(...(await each.check(server.url, server.data)));
  } finally {
    await server.discard();
  }
  return { counts: counts(), findings };
}

/** A client's work tree with commits to push. */
function treeWithCommits(folder: string, client: number): { work: WorkTree; commits: string[] } {
  const at = join(folder, `client-${client}`);
  mkdirSync(at);
  const work = workTree(at);
  const commits = Array.from({ length: COMMITS }, (_, i) => {
    const noise = crypto.getRandomValues(new Uint8Array(60_000));
    return work.commit(`file-${i}`, Buffer.from(noise).toString("base64"));
  });
  return { work, commits };
}

/** Announces a new repository, and states and pushes one commit after the other, until the server is gone. */
async function live(
  url: string,
  { work, commits }: ReturnType<typeof treeWithCommits>,
  ledger: Ledger,
  round: number,
  number: number,
): Promise<void> {
  // A name of its own: a state of the same name would take the commits that an earlier round pushed (P11).
  const name = `repo-${round}-${number}`;
  const owner = author();
  const friend = author();
  const started = Math.floor(Date.now() / 1000) - 100;
  const client = await connect(url, `127.1.${round % 250}.${number + 1}`);
  try {
    await ledger.publish(client, announcementBy(owner, name, [], started));
    for (const [index, commit] of commits.entries()) {
      const refs = { [MAIN]: commit, "refs/tags/first": commits[0]! };
      const state = stateBy(owner, refs, name, started + index);
      await ledger.publish(client, state);
      await ledger.push(owner.key, name, refs, () =>
        runGitClient(
          work.path,
          ...["push", "-q", `${url}/${toNpub(owner.key)}/${name}.git`],
          ...[`${commit}:${MAIN}`, `${commits[0]}:refs/tags/first`],
        ),
      );
      const tags = [
        ["a", `30617:${owner.key}:${name}`],
        ["c", commit],
      ];
      await ledger.publish(client, friend.sign(1618, tags, `proposal ${index}`, started));
      await ledger.publish(
        client,
        friend.sign(1111, [["a", `30617:${owner.key}:${name}`]], `comment ${index}`, started),
      );
    }
  } finally {
    client.close();
  }
}
