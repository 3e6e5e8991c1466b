/**
 * How many Git processes each kind of request starts. What costs a process more than its figure here must say what it buys.
 * @module
 */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type WorkTree, workTree } from "../../support/git.ts";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  MAIN,
  runGitClient,
  stateBy,
} from "../../support/grasp-server.ts";
import { author } from "../../support/nostr.ts";
import { connect, type RelayClient } from "../../support/relay-client.ts";

const bin = mkdtempSync(join(tmpdir(), "millrace-counts-"));
const log = join(bin, "log");
const owner = author();
let server: GraspServer;
let relay: RelayClient;
let work: WorkTree;
let last = Math.floor(Date.now() / 1000);

beforeAll(async () => {
  const git = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
  writeFileSync(join(bin, "git"), `#!/bin/sh\necho "$*" >> "${log}"\nexec "${git}" "$@"\n`);
  chmodSync(join(bin, "git"), 0o755);
  const PATH = `${bin}${delimiter}${process.env.PATH}`;
  server = await graspServer("node", {}, {}, { PATH });
  relay = await connect(server.url);
  work = workTree(server.folder);
  await relay.publish(announcementBy(owner));
}, 60_000);
afterAll(async () => {
  relay?.close();
  await server?.stop();
  rmSync(bin, { recursive: true, force: true });
});

/** The subcommands of the Git processes that the server starts while `task` runs. */
async function processesOf(task: () => Promise<unknown>): Promise<string[]> {
  rmSync(log, { force: true });
  await task();
  if (!existsSync(log)) return [];
  const lines = readFileSync(log, "utf8").trimEnd().split("\n");
  return lines.map((line) => /^(?:-c \S+ |--git-dir \S+ )*(\S+)/.exec(line)![1]!);
}

const client = (...args: string[]) => runGitClient(work.path, ...args);

/** Says and pushes one more commit. */
async function push(content: string): Promise<void> {
  const state = stateBy(owner, { [MAIN]: work.commit("file", content) }, "repo", ++last);
  await relay.publish(state);
  expect((await client("push", server.repository(owner), "main")).code).toBe(0);
  await expect.poll(() => relay.query({ ids: [state.id] })).toEqual([state.id]);
}

test("a push starts one process each for its pack, for what it needs, and for the refs; a state one to look (A35)", async () => {
  expect(await processesOf(() => push("one"))).toEqual(["index-pack", "rev-list", "update-ref"]);
  expect(await processesOf(() => push("two"))).toEqual(["cat-file", "index-pack", "rev-list", "update-ref"]);
});

test("a clone starts one process, and the same again none (G32)", async () => {
  const clone = (name: string) => client("clone", "-q", server.repository(owner), join(server.folder, name));
  expect(await processesOf(() => clone("first"))).toEqual(["upload-pack"]);
  expect(await processesOf(() => clone("second"))).toEqual([]);
  const first = join(server.folder, "first");
  expect(await processesOf(() => runGitClient(first, "fetch", "-q"))).toEqual([]);
});

test("pages, refusals, queries, and events without Git data of their own start none (G26, A38)", async () => {
  const url = server.repository(owner);
  const comment = owner.sign(1, [["a", `30617:${owner.key}:repo`]], "", ++last);
  const again = stateBy(owner, { [MAIN]: work.git("rev-parse", "HEAD") }, "repo", ++last);
  work.commit("file", "three");
  expect(
    await processesOf(async () => {
      for (const path of [url, `${url}/status.json`, server.repository(owner, "other")]) {
        await (await fetch(path)).text();
      }
      expect((await client("push", url, "main")).code).not.toBe(0);
      expect((await relay.publish(comment))[0]).toBe(true);
      expect((await relay.publish(again))[0]).toBe(true);
      expect(await relay.query({ ids: [comment.id, again.id] })).toHaveLength(2);
    }),
  ).toEqual([]);
});

test("a clone of what one push brought starts none: it gets the pack of the push (G32)", async () => {
  const other = author();
  const at = server.repository(other, "other");
  await relay.publish(announcementBy(other, "other"));
  await relay.publish(stateBy(other, { [MAIN]: work.commit("file", "zero") }, "other"));
  expect((await client("push", at, "main")).code).toBe(0);
  expect(await processesOf(() => client("clone", "-q", at, join(server.folder, "of-one-push")))).toEqual([]);
  expect((await runGitClient(join(server.folder, "of-one-push"), "fsck", "--strict")).code).toBe(0);
});
