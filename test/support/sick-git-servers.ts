/**
 * Twenty Git servers on loopback: five that are well, and fifteen that are slow, hang, refuse, redirect, lie or fail.
 * @module
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { WorkTree } from "./git.ts";
import {
  answering,
  type GitServer,
  type GitServerBehaviour,
  gitServer,
  givingTipsOnly,
  hanging,
  redirecting,
  sendingPack,
  slow,
} from "./git-servers.ts";

const END = "/info/refs?service=git-upload-pack";

/** A server with what is wrong with it. */
export interface NamedServer extends GitServer {
  readonly kind: string;
  readonly isHanging: boolean;
}

/** The twenty, sick ones first. */
export interface TwentyServers {
  readonly all: readonly NamedServer[];
  of(kind: string): NamedServer;
  stop(): Promise<void>;
}

/**
 * @param tips commits of the work tree. The healthy servers have all of them, the old one and the one that refuses wants by id,
 *   too; the shallow one has them without history.
 */
export async function twentyServers(
  folder: string,
  work: WorkTree,
  tips: readonly string[],
  now?: () => number,
): Promise<TwentyServers> {
  const root = join(folder, "served");
  tips.forEach((tip, index) => {
    work.git("update-ref", `refs/heads/tip-${index}`, tip);
  });
  execFileSync("git", ["clone", "-q", "--bare", work.path, join(root, "a.git")]);
  const shallow = join(folder, "shallow");
  execFileSync("git", [
    "clone",
    "-q",
    "--bare",
    "--no-single-branch",
    "--depth",
    "1",
    `file://${work.path}`,
    join(shallow, "a.git"),
  ]);
  const foreign = execFileSync("git", ["-C", work.path, "hash-object", "-w", "--stdin"], {
    input: "x",
    encoding: "utf8",
  }).trim();
  const foreignPack = execFileSync("git", ["-C", work.path, "pack-objects", "--stdout", "-q"], {
    input: `${foreign}\n`,
  });
  let first = "";
  let circles = 0;
  const kinds: [kind: string, behaviour: Partial<GitServerBehaviour>][] = [
    ["hangs", { answer: hanging() }],
    ["hangs too", { answer: hanging() }],
    ["hangs after the refs", { answer: ({ method }) => method === "POST" }],
    ["429 with a time", { answer: answering(429, { "retry-after": "120" }) }],
    ["429", { answer: answering(429) }],
    ["503", { answer: answering(503) }],
    ["500", { answer: answering(500) }],
    ["404", { answer: answering(404) }],
    ["a page", { answer: answering(200, { "content-type": "text/html" }) }],
    ["redirects elsewhere", { answer: redirecting(() => `${first}/a.git${END}`) }],
    ["redirects into a private network", { answer: redirecting(() => `http://10.0.0.1/a.git${END}`) }],
    ["redirects in a circle", { answer: redirecting(() => `/circle-${circles++}.git${END}`) }],
    ["lies", { answer: sendingPack(foreignPack) }],
    ["shallow", { root: shallow }],
    ["tips only", { answer: givingTipsOnly(tips) }],
    ["old", { isOld: true }],
    ["slow", { answer: slow(300) }],
    ["well", {}],
    ["well 2", {}],
    ["redirects at home", { answer: redirecting((url) => url.replace(/^\/moved\.git/, "/a.git")) }],
  ];
  const all: NamedServer[] = [];
  for (const [kind, behaviour] of kinds) {
    const server = await gitServer({ root, ...(now === undefined ? {} : { now }), ...behaviour });
    all.push(Object.assign(server, { kind, isHanging: kind.startsWith("hangs") }));
    if (kind === "well") first = server.url;
  }
  return {
    all,
    of: (kind) => all.find((server) => server.kind === kind)!,
    async stop() {
      for (const server of all) await server.stop();
    },
  };
}
