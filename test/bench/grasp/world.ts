/**
 * What the rows work on: one set of Git repositories on the disk, and for each server the events and repositories that it got.
 * @module
 */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { type WorkTree, workTree } from "../../support/git.ts";
import { type Author, author } from "../../support/nostr.ts";
import { atOnce, EVENTS_A_CONNECTION, publishAll, type Served, serve } from "./clients.ts";
import type { Contender } from "./servers.ts";

/** How large the data are. */
export interface Sizes {
  /** Stored comments for queries. */
  readonly events: number;
  /** Refs of the repository with many. */
  readonly refs: number;
  /** Size of the large repository, in MiB. */
  readonly largeMiB: number;
  /** Commits of the large repository. */
  readonly commits: number;
  /** Clients at once in rows with many. */
  readonly clients: number;
  /** Subscribers of one event. */
  readonly subscribers: number;
  /** Events that come from a peer. */
  readonly fromPeer: number;
}

const FILL_CONNECTIONS = 20;

/** Git repositories that both servers get. */
export class Trees {
  readonly small: WorkTree;
  readonly many: WorkTree;
  readonly large: WorkTree;
  readonly sizes: Sizes;

  constructor(folder: string, sizes: Sizes) {
    this.sizes = sizes;
    this.small = workTree(folder, "small");
    for (let file = 0; file < 16; file++) this.small.commit(`file-${file}`, noise(64 * 1024 * 0.75));
    this.many = workTree(folder, "many");
    const commit = this.many.commit("file", "content");
    const lines = Array.from(
      { length: sizes.refs - 1 },
      (_, i) => `create refs/heads/branch-${i} ${commit}\n`,
    );
    execFileSync("git", ["update-ref", "--stdin"], { cwd: this.many.path, input: lines.join("") });
    this.large = workTree(folder, "large");
    execFileSync("git", ["fast-import", "--quiet"], {
      cwd: this.large.path,
      input: history(sizes),
      maxBuffer: 1024 ** 2,
    });
  }

  /** Branches and tags of one of them. */
  refsOf({ git }: WorkTree): Record<string, string> {
    const list = git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags");
    return Object.fromEntries(list.split("\n").map((line) => line.split(" ") as [string, string]));
  }
}

/** What one server got. */
export interface World {
  readonly server: Contender;
  readonly trees: Trees;
  /** Served; the comments refer to it. */
  readonly hub: Served;
  /** Comments on the hub that are stored. */
  readonly comments: NostrEvent[];
}

/** Serves the hub and stores the comments. @returns the time that they took, in seconds */
export async function createWorld(
  server: Contender,
  trees: Trees,
): Promise<{ world: World; seconds: number }> {
  const hub = await serve(server, trees.small.path, "hub", trees.refsOf(trees.small));
  const world: World = { server, trees, hub, comments: [] };
  const seconds = await store(world, trees.sizes.events, FILL_CONNECTIONS);
  return { world, seconds };
}

/** Stores more comments. @returns the time that it took, in seconds, without the signing */
export async function store(world: World, count: number, connections: number): Promise<number> {
  let seconds = 0;
  // In parts, so that no part's signatures wait in memory for long.
  for (let left = count; left > 0; ) {
    const part = Math.min(left, 5000);
    const batches = Array.from({ length: Math.ceil(part / EVENTS_A_CONNECTION) }, (_, i) =>
      commentsOn(world.hub, Math.min(EVENTS_A_CONNECTION, part - i * EVENTS_A_CONNECTION)),
    );
    const began = performance.now();
    await atOnce(batches, connections, (batch) => publishAll(world.server, batch));
    seconds += (performance.now() - began) / 1000;
    world.comments.push(...batches.flat());
    left -= part;
  }
  return seconds;
}

let second = 1_700_000_000;

/** Comments by one author. */
export function commentsOn(
  { owner, identifier }: Served,
  count: number,
  by: Author = author(),
): NostrEvent[] {
  return Array.from({ length: count }, () =>
    by.sign(1111, [["a", `30617:${owner.key}:${identifier}`]], randomBytes(60).toString("hex"), second++),
  );
}

export const noise = (bytes: number) => randomBytes(bytes).toString("base64");

/** A history for `git fast-import`: each commit changes one file. */
function history({ commits, largeMiB }: Sizes): Buffer {
  const bytes = Math.floor((largeMiB * 1024 ** 2) / commits);
  const parts: Buffer[] = [];
  for (let i = 0; i < commits; i++) {
    const content = randomBytes(bytes);
    const name = createHash("sha1")
      .update(String(i % 1000))
      .digest("hex")
      .slice(0, 8);
    parts.push(
      Buffer.from(
        `commit refs/heads/main\ncommitter a <a@example.com> ${1_600_000_000 + i} +0000\ndata 2\nx\n\nM 100644 inline ${name}\ndata ${bytes}\n`,
      ),
      content,
      Buffer.from("\n"),
    );
  }
  parts.push(Buffer.from("done\n"));
  return Buffer.concat(parts);
}

/** A new folder's name below another. */
export function fresh(folder: string): string {
  return join(folder, randomBytes(6).toString("hex"));
}
