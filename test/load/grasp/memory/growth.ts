/**
 * How much a GRASP server's process grows while a large pack is pushed, cloned, and fetched from a peer (V8). Git does the work in processes of its own; what
 * the server holds is what it passes on.
 * @module
 */
import { randomFillSync } from "node:crypto";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  MAIN,
  stateBy,
} from "../../../support/grasp-server.ts";
import { type Author, author } from "../../../support/nostr.ts";
import { announcementOn, type Peer, peer, served } from "../../../support/peers.ts";
import { residentMiBOf } from "../../../support/process-figures.ts";
import { connect } from "../../../support/relay-client.ts";
import { runCli } from "../../../support/run-cli.ts";
import type { ProcessRuntime } from "../../../support/spawn.ts";
import { runCommand } from "../../../support/start-program.ts";

/** Largest growth that V8 allows, in MiB. */
export const MAX_GROWTH_MIB = 64;
/** A push and a clone of this size come first, so that buffers and compiled code are there. */
const WARM_UP_MIB = 8;
const FILE_MIB = 64;
const SAMPLE_MS = 10;
const GIT_TIMEOUT_MS = 900_000;

/** What was measured on one runtime. */
export interface Growth {
  readonly runtime: ProcessRuntime;
  readonly mib: number;
  /** Resident memory after the warm-up, in MiB. */
  readonly residentMiB: number;
  /** Growth above that at the highest moment, in MiB. */
  readonly push: number;
  readonly clone: number;
  /** That of another server, which fetches the pack from the first. */
  readonly fetch: number;
}

/** @param mib size of the pack, which does not compress */
export async function measureGrowth(runtime: ProcessRuntime, mib: number): Promise<Growth> {
  const server = await graspServer(runtime);
  let other: Peer | null = null;
  try {
    const small = await serveAndClone(server, "warm-up", WARM_UP_MIB);
    const residentMiB = residentOf(server);
    const { push, clone, ...large } = await serveAndClone(server, "large", mib);
    other = await peer(runtime);
    await fetchGrowth(runtime, server, other, small);
    const fetch = await fetchGrowth(runtime, server, other, large);
    return { runtime, mib, residentMiB, push, clone, fetch };
  } finally {
    await other?.server.stop();
    await server.stop();
  }
}

/** A repository that was pushed. */
interface Pushed {
  readonly owner: Author;
  readonly name: string;
  readonly commit: string;
}

/** @returns the growth of a server that fetches a repository from another one, in MiB */
async function fetchGrowth(
  runtime: ProcessRuntime,
  from: GraspServer,
  to: Peer,
  { owner, name, commit }: Pushed,
): Promise<number> {
  const { tags, created_at } = announcementOn([to], owner, name);
  const listed = tags.map((tag) => (tag[0] === "clone" ? [...tag, from.repository(owner, name)] : [...tag]));
  const state = stateBy(owner, { [MAIN]: commit }, name);
  return growthDuring(to.server, async () => {
    await publish(to.server, owner.sign(30617, listed, "", created_at), state);
    const config = join(to.server.folder, "config.json");
    const target = `${toNpub(owner.key)}/${name}`;
    const { code, stderr } = await runCli(runtime, ["grasp", "sync", target, "--config", config]);
    if (code !== 0) throw new Error(stderr);
    await served(to.server.url, state);
  });
}

async function publish({ url }: GraspServer, ...events: readonly NostrEvent[]): Promise<void> {
  const client = await connect(url);
  for (const event of events) {
    const [ok, text] = await client.publish(event);
    if (!ok) throw new Error(text);
  }
  client.close();
}

/** @returns the repository, and the growth during the push and during the clone, in MiB */
async function serveAndClone(
  server: GraspServer,
  name: string,
  mib: number,
): Promise<Pushed & { push: number; clone: number }> {
  const owner = author();
  const work = workTree(server.folder, name);
  const commit = commitNoise(work, mib);
  await publish(server, announcementBy(owner, name), stateBy(owner, { [MAIN]: commit }, name));
  const url = server.repository(owner, name);
  const push = await growthDuring(server, () => git(work.path, "push", "-q", url, "main"));
  rmSync(work.path, { recursive: true });
  const clone = await growthDuring(server, () =>
    git(server.folder, "clone", "-q", "--bare", url, `${name}.git`),
  );
  const cloned = (await git(join(server.folder, `${name}.git`), "rev-parse", "main")).trim();
  if (cloned !== commit) throw new Error(`the clone is at ${cloned}, the push was ${commit}`);
  rmSync(join(server.folder, `${name}.git`), { recursive: true });
  return { owner, name, commit, push, clone };
}

/** Commits files that do not compress. */
function commitNoise(work: WorkTree, mib: number): string {
  const part = new Uint8Array(1024 ** 2);
  for (let written = 0; written < mib; written += FILE_MIB) {
    const file = openSync(join(work.path, `noise-${written}`), "w");
    for (let i = 0; i < Math.min(FILE_MIB, mib - written); i++) writeSync(file, randomFillSync(part));
    closeSync(file);
  }
  work.git("config", "core.bigFileThreshold", "1m");
  work.git("config", "core.compression", "0");
  work.git("add", ".");
  work.git("commit", "-q", "-m", "noise");
  return work.git("rev-parse", "HEAD");
}

/** The highest resident memory during some work, above that before it, in MiB. */
async function growthDuring(server: GraspServer, work: () => Promise<unknown>): Promise<number> {
  const before = residentOf(server);
  let highest = before;
  const timer = setInterval(() => {
    highest = Math.max(highest, residentOf(server));
  }, SAMPLE_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return Math.max(highest, residentOf(server)) - before;
}

function residentOf({ program }: GraspServer): number {
  return residentMiBOf(program.pid);
}

async function git(cwd: string, ...args: string[]): Promise<string> {
  const env = { HOME: cwd, GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0" };
  const { code, all } = await runCommand({ command: "git", args, cwd, env, timeoutMs: GIT_TIMEOUT_MS });
  if (code !== 0) throw new Error(`git ${args[0]} ended with ${code}: ${all}`);
  return all;
}
