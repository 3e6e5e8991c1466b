/**
 * Trouble around Git with real processes on Node, Bun and Deno: clients that leave, Git that is killed or hangs, a full disk, no
 * file handles, slow clients.
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { dataPacket, flushPacket } from "../../../runtime/grasp/git/pkt-line.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { type WorkTree, workTree } from "../../support/git.ts";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  HOST,
  MAIN,
  runGitClient,
  stateBy,
} from "../../support/grasp-server.ts";
import { isRunning } from "../../support/is-running.ts";
import { author } from "../../support/nostr.ts";
import { answersOf, open } from "../../support/raw-http.ts";
import { connect, type RelayClient } from "../../support/relay-client.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

const RUNTIMES: ProcessRuntime[] = ["node", "bun", "deno"];
const WAIT = { timeout: 20_000, interval: 50 };
let date = 1_700_000_000;

/** Git for a server: it hangs with a child, or is killed, where a file says so. */
function troubledGit(folder: string) {
  const bin = join(folder, "bin");
  const control = join(folder, "control");
  mkdirSync(bin);
  mkdirSync(control);
  const script = [
    "#!/bin/sh",
    `PATH='${process.env.PATH}'`,
    'for word in "$@"; do case "$word" in index-pack|update-ref|upload-pack|rev-list|cat-file)',
    `  if [ -e '${control}'/"$word.hang" ]; then sleep 600 & echo "$$ $!" >> '${control}'/"$word.pids"; wait; fi`,
    `  if [ -e '${control}'/"$word.kill" ]; then kill -9 $$; fi;;`,
    "esac; done",
    'exec git "$@"',
  ];
  writeFileSync(join(bin, "git"), `${script.join("\n")}\n`, { mode: 0o755 });
  const set = (name: string, isOn: boolean) =>
    isOn ? writeFileSync(join(control, name), "") : rmSync(join(control, name), { force: true });
  /** What hung so far: Git and its child, one pair for each. */
  const pairs = (word: string) => {
    const file = join(control, `${word}.pids`);
    const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
    return lines.map((line) => line.split(" ").map(Number));
  };
  return {
    path: `${bin}:${process.env.PATH}`,
    hang: (word: string, isOn: boolean) => set(`${word}.hang`, isOn),
    kill: (word: string, isOn: boolean) => set(`${word}.kill`, isOn),
    /** No trouble from now on, so that a test that fails leaves none to the next one. */
    end() {
      for (const name of readdirSync(control)) rmSync(join(control, name), { force: true });
    },
    hanging: (word: string) => pairs(word).filter((pair) => pair.every(isRunning)).length,
    /** The processes that hang, or have hung and have left a child. */
    alive: (word: string) => pairs(word).flat().filter(isRunning),
  };
}

/** A server with one repository, whose `main` has one commit. */
async function withRepository(server: GraspServer) {
  const work = workTree(server.folder);
  const owner = author();
  const relay = await connect(server.url);
  const url = server.repository(owner);
  await relay.publish(announcementBy(owner));
  const git = (...args: string[]) => runGitClient(work.path, ...args);
  const publish = (refs: Record<string, string>) => relay.publish(stateBy(owner, refs, "repo", date++));
  const first = work.commit("a", "one");
  await publish({ [MAIN]: first });
  expect(await git("push", url, "main")).toMatchObject({ code: 0 });
  return {
    ...{ work, owner, relay, url, git, publish, first },
    path: new URL(url).pathname,
    where: { host: "127.0.0.1", port: Number(new URL(server.url).port) },
    tip: async () => /^([0-9a-f]{40})\trefs\/heads\/main$/m.exec((await git("ls-remote", url)).output)?.[1],
  };
}
type Repository = Awaited<ReturnType<typeof withRepository>>;

function requestOf(path: string, service: string, body: Buffer, length = body.length): Buffer {
  const head = `POST ${path}/git-${service} HTTP/1.1\r\nhost: ${HOST}\r\ncontent-type: application/x-git-${service}-request\r\n`;
  return Buffer.concat([Buffer.from(`${head}content-length: ${length}\r\n\r\n`), body]);
}

const wantOf = (id: string, have: string) =>
  Buffer.concat([
    dataPacket(Buffer.from(`want ${id} side-band-64k\n`)),
    flushPacket(),
    dataPacket(Buffer.from(`have ${have}\n`)),
    dataPacket(Buffer.from("done\n")),
  ]);
const commandsOf = (from: string, to: string) =>
  Buffer.concat([dataPacket(Buffer.from(`${from} ${to} ${MAIN}\0 report-status`)), flushPacket()]);

function quarantines(server: GraspServer): string[] {
  return readdirSync(join(server.folder, "data/quarantine"));
}

describe.each(RUNTIMES)("Git that hangs, is killed or loses its client, on %s", (runtime) => {
  let tools: string;
  let trouble: ReturnType<typeof troubledGit>;
  let server: GraspServer;
  let to: Repository;

  beforeAll(async () => {
    tools = mkdtempSync(join(tmpdir(), "millrace-tools-"));
    trouble = troubledGit(tools);
    server = await graspServer(runtime, {}, {}, { PATH: trouble.path });
    to = await withRepository(server);
  }, 60_000);
  afterEach(() => trouble.end());
  afterAll(async () => {
    to?.relay.close();
    await server?.stop();
    rmSync(tools, { recursive: true, force: true });
  });

  test("many clones that hang leave room for a push from elsewhere; their clients leave, and so do Git and its children (G19, T29, T55)", async () => {
    trouble.hang("upload-pack", true);
    const sockets = Array.from({ length: 100 }, (_, n) => {
      const socket = open({ ...to.where, localAddress: `127.0.0.${10 + (n % 10)}` } as typeof to.where);
      socket.write(requestOf(to.path, "upload-pack", wantOf(to.first, randomBytes(20).toString("hex"))));
      return socket;
    });
    // All that reads may have (G30).
    await vi.waitFor(() => expect(trouble.hanging("upload-pack")).toBe(40), WAIT);
    const next = to.work.commit("a", `beside ${runtime}`);
    await to.publish({ [MAIN]: next });
    expect(await to.git("push", to.url, "main")).toMatchObject({ code: 0 });
    expect(await to.tip()).toBe(next);
    for (const socket of sockets) socket.destroy();
    await vi.waitFor(() => expect(trouble.alive("upload-pack")).toEqual([]), WAIT);
    trouble.hang("upload-pack", false);
    expect(await to.git("clone", "-q", to.url, join(server.folder, "after"))).toMatchObject({ code: 0 });
  });

  test.each([
    ["in the middle of its pack", 1000],
    ["after the end of its pack", 0],
  ])("a client that leaves in a push, %s, ends Git and its children (G19, T55)", async (_when, unsent) => {
    const next = to.work.commit("a", `left ${unsent} ${runtime}`);
    const before = (await to.tip())!;
    await to.publish({ [MAIN]: next });
    trouble.hang("index-pack", true);
    const socket = open(to.where);
    const body = Buffer.concat([commandsOf(before, next), to.work.pack([next], [before])]);
    socket.write(requestOf(to.path, "receive-pack", body, body.length + unsent));
    await vi.waitFor(() => expect(trouble.hanging("index-pack")).toBe(1), WAIT);
    socket.destroy();
    await vi.waitFor(() => expect(trouble.alive("index-pack")).toEqual([]), WAIT);
    await vi.waitFor(() => expect(quarantines(server)).toEqual([]), WAIT);
    trouble.hang("index-pack", false);
    expect(await to.tip()).toBe(before);
    expect(await to.git("push", to.url, "main")).toMatchObject({ code: 0 });
  });

  test.each(["index-pack", "rev-list", "update-ref"])(
    "%s is killed: the push is refused, nothing is half released, and the same push succeeds afterwards (O25, T65)",
    async (word) => {
      const before = await to.tip();
      const next = to.work.commit("a", `killed ${word} ${runtime}`);
      const state = stateBy(to.owner, { [MAIN]: next }, "repo", date++);
      await to.relay.publish(state);
      trouble.kill(word, true);
      const { code, output } = await to.git("push", to.url, "main");
      expect([code === 0, output.includes("fatal: the remote end hung up")]).toEqual([false, false]);
      expect([await to.tip(), await to.relay.query({ ids: [state.id] }), quarantines(server)]).toEqual([
        before,
        [],
        [],
      ]);
      trouble.kill(word, false);
      expect(await to.git("push", to.url, "main")).toMatchObject({ code: 0 });
      expect([await to.tip(), await to.relay.query({ ids: [state.id] })]).toEqual([next, [state.id]]);
    },
  );

  test("cat-file is killed: a branch is not rewound until Git has said what its backup must keep (N21, O25, T65)", async () => {
    const before = (await to.tip())!;
    const next = to.work.commit("a", `rewound ${runtime}`);
    await to.publish({ [MAIN]: next });
    expect(await to.git("push", to.url, "main")).toMatchObject({ code: 0 });
    trouble.kill("cat-file", true);
    const rewind = stateBy(to.owner, { [MAIN]: before }, "repo", date++);
    await to.relay.publish(rewind);
    expect([await to.tip(), await to.relay.query({ ids: [rewind.id] })]).toEqual([next, []]);
    trouble.kill("cat-file", false);
    expect(await to.publish({ [MAIN]: before })).toEqual([true, ""]);
    expect(await to.tip()).toBe(before);
    const path = join(server.folder, "data/git", toNpub(to.owner.key), "repo.git");
    const backups = ["--git-dir", path, "for-each-ref", "--format=%(objectname)", "refs/millrace/backup"];
    expect((await to.git(...backups)).output.split("\n")).toContain(next);
    to.work.git("reset", "-q", "--hard", before);
  });

  test("a mirror of a clone that lacks refs/nostr asks for no deletion of them (T70)", async () => {
    const next = to.work.commit("a", `pull request ${runtime}`);
    const pr = author().sign(1618, [
      ["a", `30617:${to.owner.key}:repo`],
      ["c", next],
    ]);
    await to.relay.publish(pr);
    expect(await to.git("push", to.url, `${next}:refs/nostr/${pr.id}`)).toMatchObject({ code: 0 });
    const clone = join(server.folder, `mirror-${runtime}`);
    expect(await to.git("clone", "-q", "--bare", to.url, clone)).toMatchObject({ code: 0 });
    expect((await to.git("-C", clone, "for-each-ref")).output).not.toContain("refs/nostr");
    const mirrored = await to.git("-C", clone, "push", "--mirror", "--porcelain", to.url);
    expect([mirrored.code, mirrored.output.includes("refs/nostr")]).toEqual([0, false]);
    expect((await to.git("ls-remote", to.url)).output).toContain(`${next}\trefs/nostr/${pr.id}`);
    to.work.git("reset", "-q", "--hard", `${next}~1`);
  });

  test("a push of 50 MiB by a slow client succeeds (G38, G39)", async () => {
    const before = (await to.tip())!;
    writeFileSync(join(to.work.path, "large"), randomBytes(50 * 1024 ** 2));
    to.work.git("add", "large");
    const next = to.work.commit("a", `large ${runtime}`);
    await to.publish({ [MAIN]: next });
    const body = Buffer.concat([commandsOf(before, next), packOf(to.work, next, before)]);
    const socket = open(to.where);
    const answers = answersOf(socket);
    const request = requestOf(to.path, "receive-pack", body);
    const pieces = 20;
    for (let n = 0; n < pieces; n++) {
      const size = Math.ceil(request.length / pieces);
      if (!socket.write(request.subarray(n * size, (n + 1) * size)))
        await new Promise((resolve) => socket.once("drain", resolve));
      await sleep(50);
    }
    const answer = await answers.next();
    socket.destroy();
    expect([answer.status, answer.body.includes(`ok ${MAIN}`)]).toEqual([200, true]);
    expect(await to.tip()).toBe(next);
  });
});

/** A pack, however large. */
function packOf(work: WorkTree, id: string, without: string): Buffer {
  return execFileSync("git", ["pack-objects", "--stdout", "--revs", "-q"], {
    cwd: work.path,
    input: `${id}\n^${without}\n`,
    maxBuffer: 256 * 1024 ** 2,
  });
}

describe.each(RUNTIMES)("a disk that is full, on %s", (runtime) => {
  let disk: string;
  let isMounted = false;
  let server: GraspServer | undefined;
  let relay: RelayClient | undefined;

  afterAll(async () => {
    relay?.close();
    await server?.stop();
    // Also where the server did not start. Lazily: what still ends may have a file open.
    if (isMounted) execFileSync("umount", ["-l", disk]);
    rmSync(disk, { recursive: true, force: true });
  });

  test("pushes and events are refused, nothing is half released, and all goes on when there is room (O25, T65)", async (context) => {
    disk = mkdtempSync(join(tmpdir(), "millrace-disk-"));
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], { stdio: "pipe" });
    } catch (error) {
      return context.skip(`no disk can be mounted here: ${(error as Error).message.trim()}`);
    }
    isMounted = true;
    server = await graspServer(runtime, { dataDirectory: join(disk, "data"), minFreeBytes: 0 });
    const to = await withRepository(server);
    relay = to.relay;
    const quarantine = join(disk, "data/quarantine");

    // More than the disk has.
    writeFileSync(join(to.work.path, "large"), randomBytes(20 * 1024 ** 2));
    to.work.git("add", "large");
    const large = to.work.commit("a", "large");
    const state = stateBy(to.owner, { [MAIN]: large }, "repo", date++);
    await relay.publish(state);
    const { code, output } = await to.git("push", to.url, "main");
    expect([code === 0, output.includes("the server cannot take the pack now")]).toEqual([false, true]);
    expect([await to.tip(), await relay.query({ ids: [state.id] }), readdirSync(quarantine)]).toEqual([
      to.first,
      [],
      [],
    ]);

    // Not even an event has room.
    const filler = join(disk, "filler");
    expect(() => {
      for (;;) writeFileSync(filler, Buffer.alloc(64 * 1024), { flag: "a" });
    }).toThrow("ENOSPC");
    to.work.git("reset", "-q", "--hard", to.first);
    const small = to.work.commit("a", "small");
    const next = stateBy(to.owner, { [MAIN]: small }, "repo", date++);
    const [isTaken, text] = await relay.publish(next);
    expect([isTaken, text.split(":")[0]]).toEqual([false, "error"]);
    expect((await to.git("push", to.url, "main")).code).not.toBe(0);
    expect([await to.tip(), await relay.query({ ids: [next.id] })]).toEqual([to.first, []]);

    rmSync(filler);
    expect((await relay.publish(next))[0]).toBe(true);
    expect(await to.git("push", to.url, "main")).toMatchObject({ code: 0 });
    expect([await to.tip(), await relay.query({ ids: [next.id] })]).toEqual([small, [next.id]]);
  }, 60_000);
});

describe.each(RUNTIMES)("no file handles, on %s", (runtime) => {
  let server: GraspServer;
  let to: Repository;

  beforeAll(async () => {
    server = await graspServer(runtime);
    to = await withRepository(server);
  }, 60_000);
  afterAll(async () => {
    to?.relay.close();
    await server?.stop();
  });

  test("a push is refused, its ref does not move, and it succeeds later (O25, T65)", async (context) => {
    const limit = (count: number) =>
      execFileSync("prlimit", [`--pid=${server.program.pid}`, `--nofile=${count}:`], { stdio: "pipe" });
    const usual = Number(
      /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${server.program.pid}/limits`, "latin1"))![1],
    );
    const next = to.work.commit("a", "two");
    const state = stateBy(to.owner, { [MAIN]: next }, "repo", date++);
    await to.relay.publish(state);
    const socket = open(to.where);
    const answers = answersOf(socket);
    socket.write(`GET ${to.path}/info/refs?service=git-receive-pack HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
    expect((await answers.next()).status).toBe(200);
    try {
      limit(3);
    } catch (error) {
      return context.skip(`the limit cannot be set here: ${(error as Error).message.trim()}`);
    }
    const body = Buffer.concat([commandsOf(to.first, next), to.work.pack([next], [to.first])]);
    socket.write(requestOf(to.path, "receive-pack", body));
    const answer = await answers.next().catch(() => null);
    socket.destroy();
    if (answer === null) await Promise.race([server.program.ended, sleep(2000)]);
    let { relay } = to;
    if (server.program.hasEnded()) {
      // Deno panics by itself where it finds no file handle. Nothing is half released then either.
      expect(runtime).toBe("deno");
      relay.close();
      await server.restart();
      relay = await connect(server.url);
    } else {
      limit(usual);
      expect([answer?.status, answer?.body.includes(`ok ${MAIN}`)]).toEqual([expect.any(Number), false]);
    }
    const url = server.repository(to.owner);
    const refs = async () => (await to.git("ls-remote", url, MAIN)).output.trim();
    expect([await refs(), await relay.query({ ids: [state.id] })]).toEqual([`${to.first}\t${MAIN}`, []]);
    await vi.waitFor(() => expect(quarantines(server)).toEqual([]), WAIT);
    expect(await to.git("push", url, "main")).toMatchObject({ code: 0 });
    expect([await refs(), await relay.query({ ids: [state.id] })]).toEqual([`${next}\t${MAIN}`, [state.id]]);
    relay.close();
  }, 60_000);
});
