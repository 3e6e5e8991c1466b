import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { GitRepository } from "../../../../../runtime/grasp/ports.ts";
import type { GitFetch } from "../../../../../runtime/grasp/purgatory-sync/git-fetch.ts";
import { RateLimited, SourceUnusable } from "../../../../../runtime/sync/index.ts";
import { type GitFetchParts, gitFetch, ServerFault } from "../../../../../worker/grasp/git/fetch.ts";
import { publicAddresses } from "../../../../../worker/grasp/git/fetch-address.ts";
import { type WorkTree, workTree } from "../../../../support/git.ts";
import {
  answering,
  type GitServer,
  type GitServerBehaviour,
  gitServer,
  givingTipsOnly,
  hanging,
  redirecting,
  sendingPack,
} from "../../../../support/git-servers.ts";
import { repositoriesIn } from "../../../../support/grasp.ts";
import { author } from "../../../../support/nostr.ts";
import { recordGit } from "../../../../support/recording-git.ts";
import { systemClock } from "../../../../support/system-clock.ts";

const owner = author().key;
const MAIN = "refs/heads/main";
const ZERO = "0".repeat(40);
const UNKNOWN = "1".repeat(40);
const END = "/info/refs?service=git-upload-pack";

let folder: string;
let work: WorkTree;
let parts: GitFetchParts;
let fetch: GitFetch;
let target: GitRepository;
let servers: GitServer[];
let commits: string[];
let starts: number;
let progress: number;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-fetch-"));
  work = workTree(folder);
  commits = ["one", "two", "three"].map((text) => work.commit("a", text));
  execFileSync("git", ["clone", "-q", "--bare", work.path, join(folder, "served/a.git")]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeEach(async () => {
  const { folders, pool, repositories } = await repositoriesIn(mkdtempSync(join(folder, "data-")));
  await repositories.create(owner, "repo");
  target = repositories.open(owner, "repo")!;
  const clock = systemClock;
  parts = {
    repositories,
    quarantines: folders.quarantines,
    home: folders.home,
    pool,
    clock,
    rules: { ownHosts: ["git.example"], allowInsecure: true },
    resolve: publicAddresses(true),
  };
  fetch = gitFetch(parts);
  servers = [];
  starts = 3;
  progress = 0;
});
afterEach(async () => {
  for (const server of servers) await server.stop();
});

async function serving(behaviour: Partial<GitServerBehaviour> = {}): Promise<GitServer> {
  const server = await gitServer({ root: join(folder, "served"), ...behaviour });
  servers.push(server);
  return server;
}

interface Asked {
  path?: string;
  signal?: AbortSignal;
  isRepair?: boolean;
}

function from(
  server: GitServer,
  ids: readonly string[],
  { path = "/a.git", signal, isRepair = false }: Asked = {},
) {
  const call = {
    signal: signal ?? new AbortController().signal,
    onProgress: () => progress++,
    anotherStart: async () => starts-- > 0,
  };
  return fetch({ owner, identifier: "repo", url: server.url + path, ids, isRepair }, call);
}

/** Moves what came into the repository. */
async function adopted(fetched: Awaited<ReturnType<GitFetch>>) {
  await fetched!.quarantine.adopt();
  return fetched!.ids;
}

const failure = (run: Promise<unknown>) =>
  run.then(
    (value) => ({ value }),
    (error: Error) => error,
  );
/** Files of ours that a fetch left behind. */
const leftBehind = () => readdirSync(parts.quarantines);
const filesOf = () =>
  readdirSync(parts.repositories.pathOf(owner, "repo")!, { recursive: true, encoding: "utf8" }).sort();
const urlsOf = (server: GitServer) => server.log.map(({ method, url }) => `${method} ${url}`);

describe("what came", () => {
  test("objects come by their ids, with their history; no ref and no other file is written (S11, S13)", async () => {
    const server = await serving();
    const before = filesOf();
    const fetched = await from(server, [commits[1]!, commits[2]!]);
    expect(filesOf()).toEqual(before);
    expect(await adopted(fetched)).toEqual([commits[1], commits[2]]);
    expect(await target.incomplete(commits)).toEqual(new Set());
    expect([...(await target.refs()).refs]).toEqual([]);
    expect(
      filesOf().filter((name) => !before.includes(name) && !name.startsWith("objects/pack/")),
      // Ours: what the pack is good for.
    ).toEqual(["millrace-whole"]);
    expect([leftBehind(), starts]).toEqual([[], 3]);
    expect(progress).toBeGreaterThan(0);
  });

  test("two processes fetch what is exactly needed; what is more is packed and checked again (S13)", async () => {
    const server = await serving();
    const { calls, stop } = recordGit(mkdtempSync(join(folder, "bin-")));
    try {
      await adopted(await from(server, [commits[1]!]));
      const subcommands = calls().map(({ args }) => args.find((arg) => /^[a-z][a-z-]+$/.test(arg)));
      // The server's own.
      expect(subcommands.filter((name) => name !== "http-backend")).toEqual(["fetch", "rev-list"]);
      expect(await target.incomplete(commits)).toEqual(new Set([commits[2]]));
    } finally {
      stop();
    }
  });

  test("Git asks without credentials, by HTTP/1.1 and no other protocol, and gets ids by its input (S11, S17, S18, S35, O27)", async () => {
    const recorded = recordGit(mkdtempSync(join(folder, "recorded-")));
    const server = await serving();
    await adopted(await from(server, [commits[0]!])).finally(recorded.stop);
    const call = recorded.calls().find(({ args }) => args.includes("fetch"))!;
    const { args, env } = call;
    const setting = (name: string) => args.filter((arg) => arg.startsWith(`${name}=`)).at(-1);
    expect(
      ["protocol.allow", "credential.helper", "http.followRedirects", "http.version"].map(setting),
    ).toEqual([
      "protocol.allow=never",
      "credential.helper=",
      "http.followRedirects=false",
      "http.version=HTTP/1.1",
    ]);
    expect(args.filter((arg) => /^protocol\..*=always$/.test(arg)).sort()).toEqual([
      "protocol.http.allow=always",
      "protocol.https.allow=always",
    ]);
    expect(args.slice(-2)).toEqual(["--end-of-options", `${server.url}/a.git`]);
    expect(args.some((arg) => arg.includes(commits[0]!))).toBe(false);
    expect(env).toMatchObject({ GIT_TERMINAL_PROMPT: "0", GIT_ASKPASS: "" });
  });

  test("what is here is not fetched again", async () => {
    const server = await serving();
    await adopted(await from(server, [commits[1]!]));
    await target.updateRefs([{ ref: MAIN, old: ZERO, new: commits[1]! }]);
    const fetched = await from(server, [commits[2]!]);
    const [pack] = readdirSync(parts.quarantines).map((name) => join(parts.quarantines, name, "pack"));
    const index = readdirSync(pack!).find((name) => name.endsWith(".idx"))!;
    // One commit, one tree, one file.
    expect(readFileSync(join(pack!, index)).readUInt32BE(8 + 255 * 4)).toBe(3);
    expect(await adopted(fetched)).toEqual([commits[2]]);
  });

  test("an id that the server lacks is taken out; each repetition is one more start (S12)", async () => {
    const server = await serving();
    const fetched = await from(server, [UNKNOWN, commits[0]!, "2".repeat(40), commits[2]!]);
    expect([await adopted(fetched), starts]).toEqual([[commits[0], commits[2]], 1]);
  });

  test("without room for another start, a fetch ends with what it has", async () => {
    const server = await serving();
    starts = 0;
    expect(await from(server, [UNKNOWN, commits[0]!])).toBeNull();
    expect(urlsOf(server).filter((line) => line.startsWith("POST"))).toHaveLength(1);
    expect(leftBehind()).toEqual([]);
  });

  test("after three repetitions the server's list of refs says what it has (S12)", async () => {
    const server = await serving();
    starts = 10;
    const unknown = Array.from({ length: 9 }, (_, i) => String(i + 1).repeat(40));
    const fetched = await from(server, [...unknown, commits[2]!]);
    expect([await adopted(fetched), starts]).toEqual([[commits[2]], 5]);
  });

  test.each([
    ["protocol v0", { isOld: true }, 0],
    ["a server that refuses wants by id", { tips: true }, 2],
  ])(
    "%s gives the tips of its refs (S12)",
    async (_, { isOld, tips }: { isOld?: boolean; tips?: boolean }, used) => {
      const answer = tips ? { answer: givingTipsOnly([commits[2]!]) } : {};
      const server = await serving({ isOld: isOld === true, ...answer });
      const fetched = await from(server, [UNKNOWN, commits[2]!]);
      expect([await adopted(fetched), 3 - starts]).toEqual([[commits[2]], used]);
    },
  );

  test("what a repository has is not trusted in a repair (S25)", async () => {
    const server = await serving();
    await adopted(await from(server, [commits[2]!]));
    await target.updateRefs([{ ref: MAIN, old: ZERO, new: commits[2]! }]);
    const packs = join(parts.repositories.pathOf(owner, "repo")!, "objects/pack");
    for (const name of readdirSync(packs)) rmSync(join(packs, name));
    expect(await target.incomplete([commits[2]!], true)).toEqual(new Set([commits[2]]));
    expect(await adopted(await from(server, [commits[2]!], { isRepair: true }))).toEqual([commits[2]]);
    expect(await target.incomplete(commits)).toEqual(new Set());
  });
});

describe("what does not count", () => {
  test("tips without history: nothing is kept, and the source is set aside for a day (T48, S13, S33)", async () => {
    const bare = join(folder, "served/shallow.git");
    execFileSync("git", ["clone", "-q", "--bare", "--depth", "1", `file://${work.path}`, bare]);
    const error = await failure(from(await serving(), [commits[2]!], { path: "/shallow.git" }));
    expect(error).toMatchObject({ name: "SourceUnusable", forMs: 86_400_000 });
    expect([leftBehind(), filesOf().filter((name) => name === "shallow")]).toEqual([[], []]);
    expect(await target.incomplete([commits[2]!])).toEqual(new Set([commits[2]]));
  });

  test("wrong objects: only hashes that match count (T34)", async () => {
    const other = workTree(folder, "other");
    const foreign = other.commit("b", "foreign");
    const server = await serving({ answer: sendingPack(other.pack([foreign])) });
    const error = await failure(from(server, [commits[2]!]));
    expect(error).toMatchObject({ name: "SourceUnusable", forMs: 86_400_000 });
    expect([leftBehind(), await target.incomplete([foreign])]).toEqual([[], new Set([foreign])]);
  });

  test("what nobody asked for is not kept beside what was (T34)", async () => {
    const foreign = workTree(folder, "beside").commit("b", "foreign");
    execFileSync("git", ["-C", work.path, "fetch", "-q", join(folder, "beside"), "main:foreign"]);
    const server = await serving({ answer: sendingPack(work.pack([commits[2]!, foreign])) });
    expect(await adopted(await from(server, [commits[2]!]))).toEqual([commits[2]]);
    expect(await target.incomplete([foreign])).toEqual(new Set([foreign]));
  });

  test("an object that the strict check refuses (S21, A41)", async () => {
    const tree = work.git("rev-parse", "HEAD^{tree}");
    const text = `tree ${tree}\nauthor a <a@e> 1 +0000\ncommitter a <a@e 1 +0000\n\nx\n`;
    const bad = execFileSync(
      "git",
      ["-C", work.path, "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
      { input: text, encoding: "utf8" },
    ).trim();
    work.git("update-ref", "refs/heads/bad", bad);
    work.git("push", "-q", join(folder, "served/a.git"), "bad");
    const error = await failure(from(await serving(), [bad]));
    expect(error).toMatchObject({ name: "SourceUnusable", forMs: 86_400_000 });
    expect(leftBehind()).toEqual([]);
  });

  test.each([
    ["bytes", { maxBytes: 100, maxObjects: 1000 }],
    ["objects", { maxBytes: 1_000_000, maxObjects: 5 }],
  ])("more %s than the bound (S21)", async (_, bounds) => {
    fetch = gitFetch({ ...parts, bounds });
    const error = await failure(from(await serving(), [commits[2]!]));
    expect(error).toMatchObject({ name: "SourceUnusable", forMs: 86_400_000 });
    expect(leftBehind()).toEqual([]);
  });
});

describe("what a failure counts against (S15)", () => {
  test.each([
    [401, SourceUnusable],
    [403, SourceUnusable],
    [404, SourceUnusable],
    [500, ServerFault],
    [502, ServerFault],
  ])("status %d", async (status, kind) => {
    const error = await failure(from(await serving({ answer: answering(status) }), [commits[2]!]));
    expect(error).toBeInstanceOf(kind);
    if (error instanceof SourceUnusable) expect(error.forMs).toBeNull();
    expect((error as Error).message).not.toContain("stranger");
  });

  test.each([
    [429, { "retry-after": "7" }, 7000],
    [429, {}, null],
    [503, { "retry-after": "9" }, 9000],
    [503, {}, null],
  ])("status %d with %j rests the domain (S32)", async (status, headers, ms) => {
    const error = await failure(from(await serving({ answer: answering(status, headers) }), [commits[2]!]));
    expect(error).toBeInstanceOf(RateLimited);
    expect((error as RateLimited).retryAfterMs).toBe(ms);
  });

  test("a page instead of Git is no smart server, and its files are not asked for", async () => {
    const server = await serving({ answer: answering(200, { "content-type": "text/html" }) });
    expect(await failure(from(server, [commits[2]!]))).toBeInstanceOf(ServerFault);
    expect(urlsOf(server).length).toBeLessThanOrEqual(2);
  });

  test("no connection, and no name", async () => {
    const server = await serving();
    await server.stop();
    servers = [];
    expect(await failure(from(server, [commits[2]!]))).toBeInstanceOf(ServerFault);
    fetch = gitFetch({ ...parts, resolve: async () => [] });
    expect(await failure(from(server, [commits[2]!]))).toMatchObject({ name: "NameFault" });
  });
});

describe("redirects (S19, S31)", () => {
  test("to the same scheme, host and port: Git gets the new URL, for one more start", async () => {
    const server = await serving({ answer: redirecting((url) => url.replace("/old.git/", "/a.git/"), 302) });
    expect(await adopted(await from(server, [commits[2]!], { path: "/old.git" }))).toEqual([commits[2]]);
    expect(starts).toBe(2);
  });

  test("once only", async () => {
    let times = 0;
    const server = await serving({ answer: redirecting(() => `/old${times++}.git${END}`) });
    expect(await failure(from(server, [commits[2]!], { path: "/old.git" }))).toBeInstanceOf(SourceUnusable);
    expect(server.log).toHaveLength(2);
  });

  test.each([301, 303])("status %d to another server is not followed (T8)", async (status) => {
    const other = await serving();
    const server = await serving({ answer: redirecting(() => `${other.url}/a.git${END}`, status) });
    expect(await failure(from(server, [commits[2]!]))).toMatchObject({ name: "SourceUnusable", forMs: null });
    expect([server.log.length, other.log]).toEqual([1, []]);
  });
});

describe("addresses (S20, S34, T8, T69)", () => {
  test.each([
    "127.0.0.1",
    "10.0.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "[::1]",
    "[fe80::1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::a00:1]",
    "0.0.0.0",
    "2130706433",
  ])("%s is not connected to", async (host) => {
    fetch = gitFetch({ ...parts, resolve: publicAddresses(false) });
    const server = {
      url: new URL(`http://${host}:${new URL((await serving()).url).port}`).origin,
    } as GitServer;
    expect(await failure(from(server, [commits[2]!]))).toMatchObject({ name: "SourceUnusable", forMs: null });
    expect(servers[0]!.log).toEqual([]);
  });

  test("a name connects to the address that was checked, and to no other", async () => {
    const server = await serving();
    const asked: string[] = [];
    fetch = gitFetch({
      ...parts,
      async resolve(host) {
        asked.push(host);
        return ["127.0.0.1"];
      },
    });
    const named = { url: server.url.replace("127.0.0.1", "other.example") } as GitServer;
    expect(await adopted(await from(named, [commits[2]!]))).toEqual([commits[2]]);
    expect(asked).toEqual(["other.example"]);
  });
});

test("a fetch that is aborted is killed with its children, and nothing is left (S22, T55)", async () => {
  const server = await serving({ answer: hanging() });
  const abort = new AbortController();
  const run = failure(from(server, [commits[2]!], { signal: abort.signal }));
  while (server.open === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  const during = gitProcesses(server.url);
  abort.abort(new Error("over time"));
  expect(await run).toMatchObject({ message: "over time" });
  expect([during.length > 1, gitProcesses(server.url), leftBehind()]).toEqual([true, [], []]);
});

/** Processes whose command line has a text. */
function gitProcesses(text: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(join("/proc", pid, "cmdline"), "latin1").includes(text);
    } catch {
      return false;
    }
  });
}
