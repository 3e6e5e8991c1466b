/**
 * Read replicas: processes that serve reads from a data directory on which another process writes (O3, N13).
 * @module
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import getPort from "get-port";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { type WorkTree, workTree } from "../../support/git.ts";
import { certificateIn, pushThrough } from "../../support/grasp-front.ts";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  HOST,
  MAIN,
  PURGATORY,
  runGitClient,
  stateBy,
} from "../../support/grasp-server.ts";
import { readPage } from "../../support/markdown.ts";
import { author } from "../../support/nostr.ts";
import { nginx } from "../../support/programs.ts";
import { connect, type RelayClient } from "../../support/relay-client.ts";
import { startSampleNginx } from "../../support/sample-nginx.ts";
import { type ProcessRuntime, root, spawnServer } from "../../support/spawn.ts";
import type { RunningProgram } from "../../support/start-program.ts";

/** Commits of the loop, and branches that each of them moves. */
const COMMITS = 6;
const BRANCHES = 30;

const bin = mkdtempSync(join(tmpdir(), "millrace-replicas-"));
/** While this file is there, the next move of refs is the last that the process does. */
const killAfterMove = join(bin, "kill");

beforeAll(() => {
  const git = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
  writeFileSync(
    join(bin, "git"),
    `#!/bin/sh
case "$*" in *update-ref*) if rm "${killAfterMove}" 2>/dev/null; then "${git}" "$@"; kill -9 $PPID; exit; fi ;; esac
exec "${git}" "$@"
`,
  );
  chmodSync(join(bin, "git"), 0o755);
});
afterAll(() => rmSync(bin, { recursive: true, force: true }));

/** A replica of a server, as a server of its own. */
function replicaOf({ folder }: GraspServer, runtime: ProcessRuntime): Promise<GraspServer> {
  return graspServer(runtime, { dataDirectory: join(folder, "data"), replica: true });
}

/** Ids by name, as `git ls-remote` shows them. */
async function refsAt(url: string, cwd: string): Promise<Record<string, string>> {
  const { code, output } = await runGitClient(cwd, "ls-remote", "--refs", url);
  if (code !== 0) throw new Error(output);
  const lines = output.split("\n").filter((line) => /^[0-9a-f]{40}\t/.test(line));
  return Object.fromEntries(lines.map((line) => [line.slice(41), line.slice(0, 40)]));
}

/** Every file below a folder with its size and time of change. SQLite's index of the log is shared memory, which readers mark. */
function everyFile(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => name !== "grasp.db-shm")
    .map((name) => {
      const { size, mtimeMs } = statSync(join(folder, name));
      return `${name} ${size} ${mtimeMs}`;
    })
    .sort();
}

describe.each<[ProcessRuntime]>([["node"], ["bun"], ["deno"]])("a replica on %s", (runtime) => {
  const owner = author();
  let writer: GraspServer;
  let replica: GraspServer;
  let toWriter: RelayClient;
  let toReplica: RelayClient;
  let work: WorkTree;
  let date = 1_700_000_000;

  beforeAll(async () => {
    writer = await graspServer(runtime, {}, {}, { PATH: `${bin}${delimiter}${process.env.PATH}` });
    replica = await replicaOf(writer, runtime);
    toWriter = await connect(writer.url);
    toReplica = await connect(replica.url);
    work = workTree(writer.folder);
  });
  afterAll(async () => {
    toWriter?.close();
    toReplica?.close();
    await replica?.stop();
    await writer?.stop();
  });

  const push = (...refspecs: string[]) =>
    runGitClient(work.path, "push", "-q", writer.repository(owner), ...refspecs);
  const states = () => toReplica.query({ kinds: [30618], authors: [owner.key] });
  const refs = () => refsAt(replica.repository(owner), work.path);

  test("shows nothing of what waits, and refs and event once the push is reported; a subscriber hears of it once (R18, R24, N13)", async () => {
    toReplica.say("REQ", "live", { kinds: [30617, 30618], authors: [owner.key] });
    await toReplica.next(([type, name]) => type === "EOSE" && name === "live");
    const first = work.commit("file", "first");
    const announcement = announcementBy(owner, "repo", [], date);
    const state = stateBy(owner, { [MAIN]: first }, "repo", date++);
    for (const event of [announcement, state])
      expect(await toWriter.publish(event)).toEqual([true, PURGATORY]);
    const address = `${replica.repository(owner)}/status.json`;
    let facts = await fetch(address);
    // Purgatory is followed by looks.
    for (; facts.status === 404; facts = await fetch(address)) await sleep(20);
    expect(await facts.json()).toMatchObject({ place: "waiting" });
    expect(await refs()).toEqual({});
    expect(await toReplica.query({ authors: [owner.key] })).toEqual([]);

    expect(await push(`${first}:${MAIN}`)).toEqual({ code: 0, output: "" });
    expect(await refs()).toEqual({ [MAIN]: first });
    expect(await toReplica.query({ authors: [owner.key] })).toHaveLength(2);
    const heard = new Set<string>();
    while (heard.size < 2) {
      const [, , event] = await toReplica.next(([type, name]) => type === "EVENT" && name === "live");
      heard.add((event as NostrEvent).id);
    }
    expect(heard).toEqual(new Set([announcement.id, state.id]));
    // An answer of the relay comes after what it had to say.
    await states();
    expect(toReplica.messages.filter(([type]) => type === "EVENT")).toEqual([]);

    const clone = join(replica.folder, "clone");
    expect(await runGitClient(work.path, "clone", "-q", replica.repository(owner), clone)).toMatchObject({
      code: 0,
    });
  });

  test("refuses events, pushes and dry runs, and says who takes them (A39)", async () => {
    const profile = owner.sign(0, [], "{}");
    const [accepted, text] = await toReplica.publish(profile);
    expect(accepted).toBe(false);
    expect(text).toMatch(/^restricted: /);
    expect(text).toContain(`wss://${HOST}/`);
    const before = await refs();
    const pushed = await runGitClient(
      work.path,
      ...["push", replica.repository(owner), `${work.commit("file", "refused")}:${MAIN}`],
    );
    expect(pushed.code).not.toBe(0);
    expect(pushed.output).toContain(`https://${HOST}/${toNpub(owner.key)}/repo.git`);
    const raw = await fetch(`${replica.repository(owner)}/git-receive-pack`, {
      method: "POST",
      headers: { "content-type": "application/x-git-receive-pack-request" },
      body: "0000",
    });
    expect(raw.status).toBe(200);
    expect(await raw.text()).toMatch(/^[0-9a-f]{4}ERR /);
    expect(await refs()).toEqual(before);
    const asked = await fetch(`${replica.url}/dry-run`, { method: "POST", body: "{}" });
    expect(asked.status).toBe(403);
    expect(await asked.text()).toContain(`https://${HOST}/dry-run`);
    toReplica.say("AUTH", owner.sign(22242, []));
    expect((await toReplica.next(([type]) => type === "OK"))[2]).toBe(false);
  });

  test("answers every kind of read and changes no file of the data directory", async () => {
    const folder = join(writer.folder, "data");
    const before = everyFile(folder);
    expect((await fetch(`${replica.url}/health`)).status).toBe(200);
    expect((await fetch(`${replica.url}/ready`)).status).toBe(200);
    expect((await fetch(replica.repository(owner))).status).toBe(200);
    expect((await fetch(`${replica.url}/metrics`)).status).toBe(200);
    const about = await fetch(replica.url, { headers: { accept: "application/nostr+json" } });
    expect(await about.json()).toEqual(
      await (await fetch(writer.url, { headers: { accept: "application/nostr+json" } })).json(),
    );
    toReplica.say("COUNT", "count", { authors: [owner.key] });
    expect((await toReplica.next(([type]) => type === "COUNT"))[2]).toEqual({ count: 2 });
    toReplica.say("NEG-OPEN", "neg", { authors: [owner.key] }, "6100000200");
    expect((await toReplica.next(([, name]) => name === "neg"))[0]).toBe("NEG-MSG");
    const clone = join(replica.folder, "again");
    expect((await runGitClient(work.path, "clone", "-q", replica.repository(owner), clone)).code).toBe(0);
    expect(everyFile(folder)).toEqual(before);
  });

  test("shows the refs and state of before while a killed writer had moved refs, and those of after once it started again (N13, V7)", async () => {
    const before = { refs: await refs(), states: await states() };
    const next = work.commit("file", "next");
    const state = stateBy(owner, { [MAIN]: next, "refs/heads/more": next }, "repo", date++);
    expect(await toWriter.publish(state)).toEqual([true, PURGATORY]);
    writeFileSync(killAfterMove, "");
    const pushed = await push(`${next}:${MAIN}`, `${next}:refs/heads/more`);
    expect(pushed.code).not.toBe(0);
    await writer.program.ended;
    // Git moved them on the disk.
    const repository = join(writer.folder, "data", "git", toNpub(owner.key), "repo.git");
    expect(await refsAt(repository, work.path)).toEqual({ [MAIN]: next, "refs/heads/more": next });
    expect({ refs: await refs(), states: await states() }).toEqual(before);

    toReplica.say("REQ", "after", { kinds: [30618], authors: [owner.key], limit: 0 });
    await writer.restart();
    toWriter = await connect(writer.url);
    const [, , heard] = await toReplica.next(([type, name]) => type === "EVENT" && name === "after");
    expect((heard as NostrEvent).id).toBe(state.id);
    expect({ refs: await refs(), states: await states() }).toEqual({
      refs: { [MAIN]: next, "refs/heads/more": next },
      states: [state.id],
    });
  });
});

test("at each moment the refs are those of the newest state that is served (N13)", async () => {
  const owner = author();
  const writer = await graspServer("node");
  const replica = await replicaOf(writer, "node");
  const toWriter = await connect(writer.url);
  const toReplica = await connect(replica.url);
  try {
    const work = workTree(writer.folder);
    const names = Array.from({ length: BRANCHES }, (_, n) => `refs/heads/branch-${n}`);
    await toWriter.publish(announcementBy(owner, "repo", [], 1_700_000_000));
    /** The commits of states, by the state's id, in their order. */
    const order: { readonly id: string; readonly commit: string }[] = [];
    let isOver = false;
    const pushAll = async () => {
      for (let n = 0; n < COMMITS; n++) {
        const commit = work.commit("file", `content ${n}`);
        const stated = Object.fromEntries([MAIN, ...names].map((name) => [name, commit]));
        const state = stateBy(owner, stated, "repo", 1_700_000_001 + n);
        order.push({ id: state.id, commit });
        await toWriter.publish(state);
        const refspecs = [MAIN, ...names].map((name) => `${commit}:${name}`);
        const { code, output } = await runGitClient(
          work.path,
          "push",
          "-q",
          writer.repository(owner),
          ...refspecs,
        );
        if (code !== 0) throw new Error(output);
      }
      isOver = true;
    };
    const served = async () => {
      const [id] = await toReplica.query({ kinds: [30618], authors: [owner.key] });
      return order.findIndex((one) => one.id === id);
    };
    const url = `${replica.repository(owner)}/info/refs?service=git-upload-pack`;
    const findings: string[] = [];
    let looks = 0;
    const readAll = async () => {
      while (!isOver || looks === 0) {
        const before = await served();
        const answer = await fetch(url);
        if (answer.status === 404) continue;
        const text = await answer.text();
        const after = await served();
        const seen = new Map(
          [...text.matchAll(/([0-9a-f]{40}) (refs\/heads\/[^\0\n]+)/g)].map(([, id, name]) => [name!, id!]),
        );
        const commits = [...new Set(seen.values())];
        const shown = order.findIndex(({ commit }) => commit === commits[0]);
        looks++;
        const isWhole = commits.length <= 1 && [0, BRANCHES + 1].includes(seen.size);
        if (!isWhole || shown < before || shown > after)
          findings.push(
            `states ${before} to ${after}, refs of ${shown}: ${seen.size} refs, ${commits.length} commits`,
          );
      }
    };
    await Promise.all([pushAll(), readAll()]);
    expect(findings).toEqual([]);
    expect(looks).toBeGreaterThan(COMMITS);
    expect(await served()).toBe(COMMITS - 1);
  } finally {
    toWriter.close();
    toReplica.close();
    await replica.stop();
    await writer.stop();
  }
});

describe.skipIf(nginx.find() === null)("a writer and two replicas on one port, behind nginx", () => {
  const page = readPage(readFileSync(join(root, "docs/operate/grasp-processes.md"), "utf8"));
  const block = (info: string) => page.blocks.find((each) => each.info === info)!.text;
  const DOMAIN = "git.example.com";
  let writer: GraspServer;
  let replicas: RunningProgram;
  let port: number;
  let end: () => Promise<unknown> = async () => {};

  beforeAll(async () => {
    const { grasp, client } = JSON.parse(block("grasp.json"));
    writer = await graspServer("node", { ...grasp, listen: { port: 0 } }, { client });
    const { folder } = writer;
    const config = join(folder, "replicas.json");
    const own = { listen: { port: 0 }, dataDirectory: join(folder, "data"), replica: true };
    writeFileSync(config, JSON.stringify({ client, grasp: { ...grasp, ...own } }));
    replicas = await spawnServer("node", [
      "worker/cli/main.ts",
      "serve",
      "--workers",
      "2",
      "--config",
      config,
    ]);
    // nginx cannot say which port it took.
    port = await getPort({ host: "127.0.0.1" });
    const { key, certificate } = certificateIn(folder, DOMAIN, `read.${DOMAIN}`);
    const sample = block("grasp-processes.conf")
      .replaceAll("listen 443 ssl;", `listen 127.0.0.1:${port} ssl;`)
      .replaceAll("127.0.0.1:7334", new URL(writer.url).host)
      .replaceAll("127.0.0.1:7335", new URL(replicas.url).host)
      .replaceAll("/etc/ssl/git.example.com.pem", certificate)
      .replaceAll("/etc/ssl/git.example.com.key", key);
    end = await startSampleNginx(folder, port, sample);
  }, 60_000);
  afterAll(async () => {
    await end();
    await replicas?.stop();
    await writer?.stop();
  });

  /** Requests for repositories that a process answered, by operation. */
  async function answeredBy(url: string): Promise<Record<string, number>> {
    // As from a proxy: only clients on this machine get them.
    const text = await (
      await fetch(`${url}/metrics`, { headers: { "x-forwarded-for": "127.0.0.1" } })
    ).text();
    const counts: Record<string, number> = {};
    for (const [, operation, count] of text.matchAll(
      /^grasp_git_requests_total\{operation="(\w+)",status="2xx"\} (\d+)$/gm,
    ))
      counts[operation!] = Number(count);
    return counts;
  }

  test("pushes and WebSockets reach the writer, all processes answer reads", async () => {
    const { url, commit, git } = await pushThrough({ domain: DOMAIN, port }, writer.folder, 100_000);
    for (let n = 0; n < 8; n++)
      expect((await git(writer.folder, "ls-remote", url, MAIN)).output).toBe(`${commit}\t${MAIN}\n`);
    const clone = join(writer.folder, "clone");
    expect(await git(writer.folder, "clone", "-q", url, clone)).toMatchObject({ code: 0 });
    const [byWriter, byReplicas] = [await answeredBy(writer.url), await answeredBy(replicas.url)];
    expect(byWriter).toMatchObject({ push: 1, advertise_push: 1 });
    expect(byReplicas.push ?? 0).toBe(0);
    const reads = (by: Record<string, number>) => by.advertise_fetch! + by.fetch!;
    expect(reads(byWriter)).toBeGreaterThan(0);
    expect(reads(byReplicas)).toBeGreaterThan(0);
    const readers = await connect(replicas.url);
    expect(await readers.query({ kinds: [30618] })).toHaveLength(1);
    readers.close();
  }, 60_000);
});

test("a replica without a database to read says what to do (O1)", async () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-no-writer-"));
  try {
    const dataDirectory = join(folder, "data");
    const started = graspServer("node", { dataDirectory, replica: true });
    await expect(started).rejects.toThrow(`${join(dataDirectory, "grasp.db")}`);
    mkdirSync(dataDirectory);
    writeFileSync(join(dataDirectory, "grasp.db"), "");
    await expect(graspServer("node", { dataDirectory, replica: true })).rejects.toThrow(
      "cannot serve a replica",
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
