import { execFile, execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { dataPacket, flushPacket } from "../../../../../runtime/grasp/git/pkt-line.ts";
import type { Grasp } from "../../../../../runtime/grasp/grasp.ts";
import { toNpub } from "../../../../../runtime/grasp/npub.ts";
import { readPlace } from "../../../../../runtime/grasp/place.ts";
import type { EventStore } from "../../../../../runtime/grasp/ports.ts";
import { availableOf } from "../../../../../worker/grasp/git/upload.ts";
import { sqliteEventStore } from "../../../../../worker/grasp/store/event-store.ts";
import type { Server } from "../../../../../worker/hosts/server.ts";
import { serveHttp } from "../../../../../worker/http/server.ts";
import { amount } from "../../../../support/amount.ts";
import { type WorkTree, workTree } from "../../../../support/git.ts";
import { gitServiceIn } from "../../../../support/grasp.ts";
import { type Author, author } from "../../../../support/nostr.ts";

const MAIN = "refs/heads/main";
const silent = { debug() {}, info() {}, warn() {}, error() {} };

test("readPlace splits first and decodes once (G1, G3, G4, T6)", () => {
  const npub = toNpub("1".repeat(64));
  expect(readPlace(`/${npub}/my%20repo.git/info/refs`)).toEqual({
    owner: "1".repeat(64),
    identifier: "my repo",
    rest: "info/refs",
  });
  const refused = [
    "x%2fy.git",
    "%2e%2e.git",
    "..git",
    ".git",
    "%00.git",
    "a%5cb.git",
    "%ff.git",
    "repo",
    "%252e.git/..",
  ];
  for (const name of refused.slice(0, -1))
    expect([name, readPlace(`/${npub}/${name}`)]).toEqual([name, null]);
  expect(readPlace(`/${npub}/%252e.git`)?.identifier).toBe("%2e");
  expect(readPlace(`/${"1".repeat(64)}/repo.git`)).toBeNull();
});

test("what Git writes in small parts leaves in pieces of 16 KiB or more (G41)", async () => {
  const output = new PassThrough();
  const read = availableOf(output);
  // As a pipe gives them: each in memory of its own, which is free once it was copied.
  const part = () => Buffer.alloc(4096, "x");
  let left = 100;
  const write = () => {
    if (left-- === 0) return void output.end();
    output.write(part());
    setImmediate(write);
  };
  write();
  const sizes: number[] = [];
  for (let piece = await read(); piece !== null; piece = await read()) sizes.push(piece.length);
  expect(sizes.reduce((all, size) => all + size, 0)).toBe(100 * 4096);
  expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThanOrEqual(16 * 1024);
});

describe("Git over HTTP", () => {
  let folder: string;
  let work: WorkTree;
  let store: EventStore;
  let grasp: Grasp;
  let server: Server;
  let service: Awaited<ReturnType<typeof gitServiceIn>>;
  let owner: Author;
  let url: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "millrace-grasp-"));
    work = workTree(folder);
    store = sqliteEventStore({ path: ":memory:", clock: { now: Date.now, after: () => () => {} } });
    owner = author();
    service = await gitServiceIn(join(folder, "data"), store);
    grasp = service.grasp;
    server = await serveHttp([{ handler: service.handler }], { host: "127.0.0.1", port: 0 }, silent);
    url = `${server.url}/${toNpub(owner.key)}/repo.git`;
    await submit(30617, [
      ["clone", `https://git.example/${toNpub(owner.key)}/repo.git`],
      ["relays", "wss://git.example"],
    ]);
  });
  afterEach(async () => {
    await server.close(0);
    await store.close();
    rmSync(folder, { recursive: true });
  });

  let date = 1000;
  const submit = (kind: number, tags: string[][]) =>
    grasp.submit(owner.sign(kind, [["d", "repo"], ...tags], "", date++), {
      source: "direct",
      address: "192.0.2.1",
    });
  const state = (refs: Record<string, string>) =>
    submit(30618, [...Object.entries(refs), ["HEAD", `ref: ${MAIN}`]]);
  /** Runs Git without blocking the server, which is in this process. */
  async function git(...args: string[]): Promise<{ code: number; output: string }> {
    try {
      const { stdout, stderr } = await promisify(execFile)("git", args, {
        cwd: work.path,
        timeout: 30_000,
        env: {
          PATH: process.env.PATH,
          HOME: folder,
          GIT_CONFIG_NOSYSTEM: "1",
          GIT_TERMINAL_PROMPT: "0",
          LC_ALL: "C",
        },
      });
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: stdout + stderr };
    }
  }
  /** Whether a client that has nothing gets an object by its id. */
  async function isReadable(id: string): Promise<boolean> {
    const empty = mkdtempSync(join(folder, "empty-"));
    await git("init", "-q", empty);
    return (await git("-C", empty, "fetch", "-q", url, id)).code === 0;
  }
  const remoteRefs = async () => (await git("ls-remote", url)).output.trim().split("\n").filter(Boolean);

  test("push what the state says, clone it, and both are equal; the events are served", async () => {
    const commit = work.commit("a", "one");
    await state({ [MAIN]: commit });
    expect(await git("push", url, "main")).toMatchObject({ code: 0 });
    expect(await remoteRefs()).toEqual([`${commit}\tHEAD`, `${commit}\t${MAIN}`]);
    expect(store.withIdentifier(30618, "repo")).toHaveLength(1);
    const clone = join(folder, "clone");
    expect(await git("clone", "-q", url, clone)).toMatchObject({ code: 0 });
    expect((await git("-C", clone, "rev-parse", "HEAD")).output.trim()).toBe(commit);
  });

  test("reads that take every slot do not hold up the advertisement for a push, with new tags too (G43)", async () => {
    const commit = work.commit("a", "one");
    work.git("tag", "-a", "-m", "t", "v1", commit);
    await state({ [MAIN]: commit, "refs/tags/v1": work.git("rev-parse", "v1") });
    expect(await git("push", url, "main", "v1")).toMatchObject({ code: 0 });
    const reads = Array.from({ length: 50 }, (_, n) => service.pool.take("read", `192.0.2.${n}`));
    await Promise.all(reads.slice(0, 40));
    expect(service.pool.counts()).toMatchObject({ used: { read: 40 }, waiting: { read: 10 } });
    const answer = await fetch(`${url}/info/refs?service=git-receive-pack`);
    expect([answer.status, (await answer.text()).includes("refs/tags/v1")]).toEqual([200, true]);
    for (const read of reads) (await read)();
  });

  test.each(["a clone", "a fetch", "a push"])(
    "%s whose client leaves while it waits for a slot waits no more and starts no Git (G19, G30)",
    async (kind) => {
      const [first, next] = [work.commit("a", "one"), work.commit("a", "two")];
      await state({ [MAIN]: first });
      expect(await git("push", url, `${first}:${MAIN}`)).toMatchObject({ code: 0 });
      await state({ [MAIN]: next });
      const share = kind === "a push" ? "push" : "read";
      const slots = Array.from({ length: 60 }, (_, n) => service.pool.take(share, `192.0.2.${100 + n}`));
      await Promise.all(slots.slice(0, share === "read" ? 40 : 60));
      const { waiting } = service.pool.counts();
      const packet = (line: string) => dataPacket(Buffer.from(line));
      const body = {
        "a clone": [packet(`want ${first} side-band-64k\n`), flushPacket(), packet("done\n")],
        "a fetch": [packet(`want ${first}\n`), flushPacket(), packet(`have ${next}\n`), packet("done\n")],
        "a push": [
          packet(`${first} ${next} ${MAIN}\0 report-status`),
          flushPacket(),
          work.pack([next], [first]),
        ],
      }[kind]!;
      const name = `git-${share === "push" ? "receive" : "upload"}-pack`;
      const leaving = new AbortController();
      const left = fetch(`${url}/${name}`, {
        method: "POST",
        headers: { "content-type": `application/x-${name}-request` },
        body: Buffer.concat(body),
        signal: leaving.signal,
      });
      left.catch(() => {});
      const waits = () => service.pool.counts().waiting[share] - waiting[share];
      await vi.waitFor(() => expect(waits()).toBe(1), 20_000);
      leaving.abort();
      await expect(left).rejects.toThrow();
      await vi.waitFor(() => expect(waits()).toBe(0), 20_000);
      for (const slot of slots) (await slot)();
      expect(service.pool.counts().used[share]).toBe(0);
      expect([service.failures, readdirSync(service.folders.quarantines)]).toEqual([[], []]);
    },
  );

  test("a long negotiation runs in both directions at once; when its client leaves, its process ends (G15, G19, T62)", async () => {
    const commit = work.commit("a", "one");
    await state({ [MAIN]: commit });
    expect(await git("push", url, "main")).toMatchObject({ code: 0 });
    const packet = (line: string) => dataPacket(Buffer.from(line));
    const start = Buffer.concat([packet(`want ${commit} multi_ack_detailed\n`), flushPacket()]);
    // Each is acknowledged: the answer grows as the request does.
    const haves = Buffer.concat(Array(40_000).fill(packet(`have ${commit}\n`)));
    const headers = { "content-type": "application/x-git-upload-pack-request" };
    const body = Buffer.concat([start, haves, flushPacket()]);
    const answer = await fetch(`${url}/git-upload-pack`, { method: "POST", headers, body });
    const acknowledged = (await answer.text()).split(`ACK ${commit} common`).length - 1;
    expect([answer.status, acknowledged]).toEqual([200, 40_000]);

    const leaving = new AbortController();
    async function* unfinished() {
      yield start;
      yield haves;
      await new Promise((resolve) => leaving.signal.addEventListener("abort", resolve));
    }
    const { signal } = leaving;
    const request = {
      method: "POST",
      headers,
      signal,
      duplex: "half",
      body: unfinished() as unknown as BodyInit,
    };
    const left = fetch(`${url}/git-upload-pack`, request).then((half) => half.text());
    left.catch(() => {});
    const used = () => service.pool.counts().used.read;
    while (used() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    leaving.abort();
    while (used() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await expect(left).rejects.toThrow();
  });

  test.each(["0", "1", "2"])("clones with protocol version %s, shallow and filtered", async (version) => {
    work.commit("a", "one");
    const commit = work.commit("a", "two");
    await state({ [MAIN]: commit });
    await git("push", url, "main");
    const depth = join(folder, `depth-${version}`);
    const blobless = join(folder, `blobless-${version}`);
    const config = ["-c", `protocol.version=${version}`];
    expect(await git(...config, "clone", "-q", "--depth", "1", url, depth)).toMatchObject({ code: 0 });
    expect((await git("-C", depth, "rev-list", "--count", "HEAD")).output.trim()).toBe("1");
    expect(await git(...config, "clone", "-q", "--filter=blob:none", url, blobless)).toMatchObject({
      code: 0,
    });
    expect(readdirSync(blobless)).toContain("a");
  });

  test("an empty repository can be cloned (G21)", async () => {
    expect(await git("clone", "-q", url, join(folder, "empty"))).toMatchObject({ code: 0 });
  });

  test("a push that the state does not say is refused, and the terminal shows why and what to do (A39)", async () => {
    const [one, two] = [work.commit("a", "one"), work.commit("a", "two")];
    await state({ [MAIN]: one });
    const { code, output } = await git("push", url, "main");
    expect(code).not.toBe(0);
    for (const said of [one, two, "the state names another commit", "Publish a state"])
      expect(output).toContain(said);
    expect(await remoteRefs()).toEqual([]);
  });

  test("without a state the refusal says who may sign one (A39)", async () => {
    work.commit("a", "one");
    const { code, output } = await git("push", url, "main");
    expect([code === 0, output.includes(toNpub(owner.key))]).toEqual([false, true]);
  });

  test("force push, deletion and a renamed current branch follow the state (A20, A21, T45)", async () => {
    const one = work.commit("a", "one");
    await state({ [MAIN]: one, "refs/heads/old": one });
    work.git("branch", "old");
    expect(await git("push", url, "main", "old")).toMatchObject({ code: 0 });
    work.git("checkout", "-q", "--orphan", "fresh");
    const other = work.commit("b", "other");
    await submit(30618, [
      ["refs/heads/next", other],
      ["HEAD", "ref: refs/heads/next"],
    ]);
    const { code, output } = await git("push", "--force", url, "fresh:next", ":main", ":old");
    expect([code, output]).toEqual([0, expect.any(String)]);
    expect(await remoteRefs()).toEqual([`${other}\tHEAD`, `${other}\trefs/heads/next`]);
  });

  test("a mixed push with a foreign name is refused whole, and lists the names (A23, A47, T4)", async () => {
    const commit = work.commit("a", "one");
    await state({ [MAIN]: commit });
    work.git("update-ref", "refs/notes/x", commit);
    const { code, output } = await git("push", url, "main", "refs/notes/x");
    expect([
      code === 0,
      output.includes("refs/notes/x"),
      output.includes("refs/heads/*:refs/heads/*"),
    ]).toEqual([false, true, true]);
    expect(await remoteRefs()).toEqual([]);
  });

  test("a pull request's commit goes to refs/nostr/<its id>, and no other (A28)", async () => {
    const [base, change] = [work.commit("a", "one"), work.commit("a", "two")];
    work.git("branch", "base", base);
    await state({ [MAIN]: base });
    await git("push", url, "base:main");
    const pr = author().sign(1618, [
      ["a", `30617:${owner.key}:repo`],
      ["c", change],
    ]);
    await grasp.submit(pr, { source: "direct", address: null });
    expect((await git("push", url, `base:refs/nostr/${pr.id}`)).code).not.toBe(0);
    expect(await git("push", url, `main:refs/nostr/${pr.id}`)).toMatchObject({ code: 0 });
    expect(await remoteRefs()).toContain(`${change}\trefs/nostr/${pr.id}`);
    expect(store.get(pr.id)).not.toBeNull();
  });

  test("an upload before its event is kept apart and unreadable; the event with the same commit claims it (A29, A32, T14)", async () => {
    const [base, change] = [work.commit("a", "one"), work.commit("a", "two")];
    work.git("branch", "base", base);
    await state({ [MAIN]: base });
    await git("push", url, "base:main");
    const contributor = author();
    const pr = contributor.sign(1618, [
      ["a", `30617:${owner.key}:repo`],
      ["c", change],
    ]);
    expect(await git("push", url, `main:refs/nostr/${pr.id}`)).toMatchObject({ code: 0 });
    expect(await remoteRefs()).toEqual([`${base}\tHEAD`, `${base}\t${MAIN}`]);
    expect(await isReadable(change)).toBe(false);
    expect(await grasp.submit(pr, { source: "direct", address: null })).toMatchObject({ ok: true, text: "" });
    expect(await remoteRefs()).toContain(`${change}\trefs/nostr/${pr.id}`);
    expect([store.get(pr.id)?.id, await isReadable(change)]).toEqual([pr.id, true]);
  });

  test("an event with another commit than the upload's deletes the upload, and waits (R47)", async () => {
    const [base, change] = [work.commit("a", "one"), work.commit("a", "two")];
    work.git("branch", "base", base);
    await state({ [MAIN]: base });
    await git("push", url, "base:main");
    const pr = author().sign(1618, [
      ["a", `30617:${owner.key}:repo`],
      ["c", "1".repeat(40)],
    ]);
    await git("push", url, `main:refs/nostr/${pr.id}`);
    const { text } = await grasp.submit(pr, { source: "direct", address: null });
    expect(text).toMatch(/^purgatory:/);
    expect(grasp.purgatory.size("placeholder")).toBe(0);
    expect(await isReadable(change)).toBe(false);
  });

  test("a branch and an upload without its event: the branch moves, and what only the upload needs is apart until its event comes (A32)", async () => {
    const [base, change] = [work.commit("a", "one"), work.commit("a", "two")];
    work.git("branch", "base", base);
    await state({ [MAIN]: base });
    const pr = author().sign(1618, [
      ["a", `30617:${owner.key}:repo`],
      ["c", change],
    ]);
    expect(await git("push", url, "base:main", `main:refs/nostr/${pr.id}`)).toMatchObject({ code: 0 });
    expect(await remoteRefs()).toEqual([`${base}\tHEAD`, `${base}\t${MAIN}`]);
    expect([await isReadable(base), await isReadable(change)]).toEqual([true, false]);
    expect(await grasp.submit(pr, { source: "direct", address: null })).toMatchObject({ ok: true, text: "" });
    expect([await isReadable(change), grasp.purgatory.size("placeholder")]).toEqual([true, 0]);
  });

  test("a branch that the state does not grant refuses the upload beside it, and no placeholder is left (A24, T4)", async () => {
    const [base, change] = [work.commit("a", "one"), work.commit("a", "two")];
    work.git("branch", "base", base);
    await state({ [MAIN]: base });
    expect((await git("push", url, `${change}:main`, `main:refs/nostr/${"1".repeat(64)}`)).code).not.toBe(0);
    expect([await remoteRefs(), grasp.purgatory.size("placeholder")]).toEqual([[], 0]);
    expect(await isReadable(change)).toBe(false);
  });

  test("a tag object, many refs at one commit, --atomic, and their clone", async () => {
    const commit = work.commit("a", "one");
    work.git("tag", "-a", "-m", "v1", "v1");
    const tag = work.git("rev-parse", "v1");
    const names = Array.from({ length: amount(400, 60) }, (_, n) => `refs/heads/b${n}`);
    work.branches(commit, names);
    const branches = Object.fromEntries(names.map((name) => [name, commit]));
    await state({ [MAIN]: commit, "refs/tags/v1": tag, ...branches });
    expect(
      await git("push", "--atomic", url, "refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*"),
    ).toMatchObject({ code: 0 });
    expect(await remoteRefs()).toHaveLength(names.length + 4);
    expect(await git("clone", "-q", url, join(folder, "many"))).toMatchObject({ code: 0 });
  });

  const post = (service: string, body: Uint8Array, headers: Record<string, string> = {}) =>
    fetch(`${url}/git-${service}`, {
      method: "POST",
      body: body as Uint8Array<ArrayBuffer>,
      headers: { "content-type": `application/x-git-${service}-request`, ...headers },
    });

  test("a lone flush has no effect and an empty answer (G18, T35)", async () => {
    const response = await post("receive-pack", flushPacket());
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  test("broken and strange requests get their status (G9, G17, G24, T9, T33, T63)", async () => {
    const status = async (response: Promise<Response>) => (await response).status;
    expect(await status(fetch(`${url}/git-receive-pack`, { method: "POST", body: "x" }))).toBe(415);
    expect(await status(post("receive-pack", new Uint8Array(), { "content-encoding": "br" }))).toBe(415);
    expect(await status(post("receive-pack", Buffer.from("0099"), {}))).toBe(400);
    expect(await status(post("receive-pack", Buffer.from("no gzip"), { "content-encoding": "gzip" }))).toBe(
      400,
    );
    expect(await status(post("receive-pack", gzipSync(flushPacket()), { "content-encoding": "gzip" }))).toBe(
      200,
    );
    expect(await status(fetch(`${url}/info/refsx`))).toBe(404);
    expect(await status(fetch(`${url}/info/refs?service=git-other`))).toBe(404);
    expect(await status(fetch(`${url}/objects/info/packs`))).toBe(404);
    expect(await status(fetch(`${url}/info/refs?x=1&service=git-upload-pack`))).toBe(200);
    expect(await status(fetch(`${url.replace("repo", "other")}/info/refs?service=git-upload-pack`))).toBe(
      404,
    );
  });

  test("what Git would do and may not: nothing to nothing, a certificate (T1, T2)", async () => {
    const commit = work.commit("a", "one");
    await state({ [MAIN]: commit });
    await git("push", url, "main");
    const zero = "0".repeat(40);
    const body = Buffer.concat([
      dataPacket(Buffer.from(`${zero} ${zero} ${MAIN}\0 report-status`)),
      flushPacket(),
    ]);
    expect(await (await post("receive-pack", body)).text()).toMatch(
      /^....unpack .*nothing to nothing\n....ng refs\/heads\/main .*\n0000$/,
    );
    expect(await remoteRefs()).toHaveLength(2);
  });

  describe("processes", () => {
    let log: string;
    const path = process.env.PATH;
    /** What the server has run since the last call. */
    function ran(): string[] {
      const lines = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n").filter(Boolean) : [];
      writeFileSync(log, "");
      return lines;
    }
    beforeEach(() => {
      const bin = join(folder, "bin");
      log = join(folder, "log");
      mkdirSync(bin);
      // The server's Git has the folder as an argument, the client's has not.
      const script = [
        "#!/bin/sh",
        'case "$*" in *--git-dir*) for word in "$@"; do case "$word" in',
        `  index-pack|rev-list|cat-file|update-ref|for-each-ref|symbolic-ref|upload-pack) echo "$word" >> ${log};;`,
        "esac; done;; esac",
        `PATH=${path}`,
        'exec git "$@"',
      ];
      writeFileSync(join(bin, "git"), `${script.join("\n")}\n`, { mode: 0o755 });
      process.env.PATH = `${bin}:${path}`;
    });
    afterEach(() => {
      process.env.PATH = path;
    });

    test("a push takes three, whatever the number of refs; a clone one, the same clone again none (G32)", async () => {
      const first = work.commit("a", "one");
      for (const count of [1, amount(300, 40)]) {
        const commit = count === 1 ? first : work.commit("a", "two");
        const names = Array.from({ length: count }, (_, n) => (n === 0 ? "main" : `b${n}`));
        work.branches(
          commit,
          names.map((name) => `refs/heads/${name}`),
        );
        await state(Object.fromEntries(names.map((name) => [`refs/heads/${name}`, commit])));
        ran();
        expect(await git("push", "-q", url, ...names)).toMatchObject({ code: 0 });
        expect(ran()).toEqual(["index-pack", "rev-list", "update-ref"]);
      }
      for (const [name, processes] of [
        ["first", ["upload-pack"]],
        ["second", []],
      ] as const) {
        expect(await git("clone", "-q", url, join(folder, name))).toMatchObject({ code: 0 });
        expect(ran()).toEqual(processes);
      }
      for (const version of [0, 1, 2]) {
        expect(await git("-c", `protocol.version=${version}`, "ls-remote", url)).toMatchObject({ code: 0 });
      }
      expect(ran()).toEqual([]);
    });

    test.each([
      [0, 1000],
      [1, 1000],
      [2, 1000],
      [0, 3_000_000],
      [2, 3_000_000],
    ])(
      "version %i: a clone gets the pack of %i bytes that one push brought (G32, G44)",
      async (version, size) => {
        work.commit("a", "one");
        const commit = work.commit("b", randomBytes(size).toString("base64"));
        work.git("tag", "-a", "-m", "v1", "v1");
        await state({ [MAIN]: commit, "refs/tags/v1": work.git("rev-parse", "v1") });
        expect(await git("push", "-q", url, "main", "v1")).toMatchObject({ code: 0 });
        ran();
        const config = ["-c", `protocol.version=${version}`];
        const to = join(folder, "clone");
        for (const name of [to, `${to}-again`])
          expect(await git(...config, "clone", "-q", url, name)).toMatchObject({ code: 0 });
        expect(await git("-C", to, "fsck", "--strict")).toMatchObject({ code: 0 });
        expect(ran()).not.toContain("upload-pack");
        // What is asked for on a condition comes from Git.
        const shallow = [...config, "clone", "-q", "--depth=1", url, `${to}-shallow`];
        expect(await git(...shallow)).toMatchObject({ code: 0 });
        expect(ran()).toContain("upload-pack");
      },
    );

    test("a pack with more than the refs need is no answer to a clone (G32)", async () => {
      const commit = work.commit("a", "one");
      const more = work.commit("a", "more");
      await state({ [MAIN]: commit });
      const packet = (text: string) => dataPacket(Buffer.from(text));
      const list = packet(`${"0".repeat(40)} ${commit} ${MAIN}\0 report-status`);
      const pushed = await fetch(`${url}/git-receive-pack`, {
        method: "POST",
        headers: { "content-type": "application/x-git-receive-pack-request" },
        body: Buffer.concat([list, flushPacket(), work.pack([more], [])]),
      });
      expect(await pushed.text()).toContain("unpack ok");
      ran();
      const to = join(folder, "clone");
      expect(await git("clone", "-q", url, to)).toMatchObject({ code: 0 });
      expect(ran()).toEqual(["upload-pack"]);
      expect((await git("-C", to, "cat-file", "-e", more)).code).not.toBe(0);
    });

    test("an answer whose client leaves closes its pack; one whose pack is gone comes from Git (G19, G36)", async () => {
      const commit = work.commit("b", randomBytes(6_000_000).toString("base64"));
      await state({ [MAIN]: commit });
      expect(await git("push", "-q", url, "main")).toMatchObject({ code: 0 });
      const path = service.repositories.pathOf(owner.key, "repo")!;
      const pack = readdirSync(join(path, "objects/pack")).find((name) => name.endsWith(".pack"))!;
      const isOpen = () =>
        readdirSync("/proc/self/fd").some((fd) => {
          try {
            return readlinkSync(`/proc/self/fd/${fd}`).endsWith(pack);
          } catch {
            return false;
          }
        });
      const packet = (text: string) => dataPacket(Buffer.from(text));
      const leaving = new AbortController();
      const answer = await fetch(`${url}/git-upload-pack`, {
        method: "POST",
        headers: { "content-type": "application/x-git-upload-pack-request" },
        body: Buffer.concat([
          packet(`want ${commit} side-band-64k ofs-delta`),
          flushPacket(),
          packet("done"),
        ]),
        signal: leaving.signal,
      });
      expect(Number(answer.headers.get("content-length"))).toBeGreaterThan(6_000_000);
      expect(isOpen()).toBe(true);
      leaving.abort();
      await vi.waitFor(() => expect(isOpen()).toBe(false), 20_000);
      ran();
      execFileSync("git", ["--git-dir", path, "-c", "pack.compression=0", "repack", "-adFq"]);
      ran();
      expect(await git("clone", "-q", url, join(folder, "clone"))).toMatchObject({ code: 0 });
      expect(ran()).toEqual(["upload-pack"]);
    });

    test("a state that arrives is looked at alone, however many others wait (N4)", async () => {
      const commit = work.commit("a", "one");
      await state({ [MAIN]: commit });
      expect(await git("push", "-q", url, "main")).toMatchObject({ code: 0 });
      ran();
      for (let n = 1; n <= 6; n++) {
        await state({ [MAIN]: `${n}`.repeat(40), "refs/heads/same": "9".repeat(40) });
        expect([n, ran()]).toEqual([n, ["cat-file"]]);
      }
      const next = work.commit("a", "two");
      await state({ [MAIN]: next });
      expect(await git("push", "-q", url, "main")).toMatchObject({ code: 0 });
      expect(await remoteRefs()).toContain(`${next}\t${MAIN}`);
    });
  });
});
