/**
 * The end of GRASP and its backup: a push under way is finished, and a copy of a running service is a service again.
 * @module
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { flushPacket, textPacket } from "../../../runtime/grasp/git/pkt-line.ts";
import { workTree } from "../../support/git.ts";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  MAIN,
  runGitClient,
  stateBy,
} from "../../support/grasp-server.ts";
import { readPage } from "../../support/markdown.ts";
import { author } from "../../support/nostr.ts";
import { connect } from "../../support/relay-client.ts";
import { runCli } from "../../support/run-cli.ts";
import { type ProcessRuntime, root } from "../../support/spawn.ts";

const RUNTIMES: readonly ProcessRuntime[] = ["node", "bun", "deno"];
const servers: GraspServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});
async function started(runtime: ProcessRuntime, section: object = {}): Promise<GraspServer> {
  const server = await graspServer(runtime, { ...section });
  servers.push(server);
  return server;
}

describe.each(RUNTIMES)("the end on %s (O21)", (runtime) => {
  test("a push under way is finished while no connection is accepted, WebSockets close with 1001, the exit code is 0", async () => {
    const server = await started(runtime);
    const owner = author();
    const work = workTree(server.folder);
    const commit = work.commit("a", "one");
    const client = await connect(server.url);
    await client.publish(announcementBy(owner));
    await client.publish(stateBy(owner, { [MAIN]: commit }));
    client.close();
    const socket = new WebSocket(server.url.replace("http", "ws"));
    await new Promise((resolve) => socket.addEventListener("open", resolve));
    const closed = new Promise<number>((resolve) =>
      socket.addEventListener("close", ({ code }) => resolve(code)),
    );

    const pack = work.pack([commit]);
    const half = Math.floor(pack.length / 2);
    const pushing = request(`${server.repository(owner)}/git-receive-pack`, {
      method: "POST",
      headers: { "content-type": "application/x-git-receive-pack-request" },
    });
    const answered = new Promise<{ status: number; body: string }>((resolve, reject) => {
      pushing.on("error", reject);
      pushing.on("response", async (answer) => {
        let body = "";
        for await (const part of answer.setEncoding("latin1")) body += part;
        resolve({ status: answer.statusCode!, body });
      });
    });
    pushing.write(textPacket(`${"0".repeat(40)} ${commit} ${MAIN}\0report-status`));
    pushing.write(flushPacket());
    pushing.write(pack.subarray(0, half));
    const inFlight = async () => /operation="push"/.test(await (await fetch(`${server.url}/metrics`)).text());
    await expect.poll(inFlight, { timeout: 20_000 }).toBe(true);

    server.program.kill("SIGTERM");
    expect(await closed).toBe(1001);
    await expect
      .poll(
        () =>
          fetch(server.url).then(
            ({ status }) => status,
            () => "closed",
          ),
        { timeout: 10_000 },
      )
      .toBe("closed");
    expect(server.program.hasEnded()).toBe(false);
    pushing.end(pack.subarray(half));
    const { status, body } = await answered;
    expect([status, body]).toEqual([200, expect.stringContaining(`ok ${MAIN}`)]);
    expect((await server.program.ended).code).toBe(0);

    await server.restart();
    const clone = join(server.folder, "clone");
    expect(await runGitClient(server.folder, "clone", "-q", server.repository(owner), clone)).toMatchObject({
      code: 0,
    });
    expect((await runGitClient(clone, "rev-parse", "HEAD")).output.trim()).toBe(commit);
  }, 60_000);
});

describe.each(RUNTIMES)("millrace grasp backup on %s (O20)", (runtime) => {
  test("copies a running service, and the copy serves the same", async () => {
    const server = await started(runtime);
    const owner = author();
    const work = workTree(server.folder);
    const first = work.commit("a", "one");
    const client = await connect(server.url);
    const published = [announcementBy(owner), stateBy(owner, { [MAIN]: first }, "repo", 1_700_000_000)];
    for (const event of published) await client.publish(event);
    expect(await runGitClient(work.path, "push", server.repository(owner), "main")).toMatchObject({
      code: 0,
    });
    const waiting = announcementBy(author(), "waiting");
    await client.publish(waiting);

    const config = join(server.folder, "config.json");
    const to = join(server.folder, "copy");
    const run = () => runCli(runtime, ["grasp", "backup", "--config", config, "--to", to]);
    expect(await run()).toMatchObject({ code: 0, stderr: "" });
    expect(statSync(to).mode & 0o077).toBe(0);
    expect(existsSync(join(to, "lock"))).toBe(false);

    // A second copy takes what changed: one more commit, and a repository that is gone.
    const second = work.commit("a", "two");
    await client.publish(stateBy(owner, { [MAIN]: second }, "repo", 1_700_000_001));
    expect(await runGitClient(work.path, "push", server.repository(owner), "main")).toMatchObject({
      code: 0,
    });
    const [npub = ""] = readdirSync(join(to, "git"));
    mkdirSync(join(to, "git", npub, "gone.git"));
    writeFileSync(join(to, "git", npub, "gone.git", "HEAD"), "ref: refs/heads/main\n");
    expect(await run()).toMatchObject({ code: 0 });
    expect(existsSync(join(to, "git", npub, "gone.git"))).toBe(false);
    client.close();

    const copy = await started(runtime, { dataDirectory: to });
    const again = await connect(copy.url);
    expect((await again.query({ kinds: [30617, 30618], authors: [owner.key] })).length).toBe(2);
    expect((await again.publish(waiting))[1]).toMatch(/^duplicate: /);
    again.close();
    const clone = join(server.folder, "clone");
    expect(await runGitClient(server.folder, "clone", "-q", copy.repository(owner), clone)).toMatchObject({
      code: 0,
    });
    expect((await runGitClient(clone, "rev-parse", "HEAD")).output.trim()).toBe(second);
    const key = (folder: string) => readFileSync(join(folder, "relay.key"), "utf8");
    expect(key(to)).toBe(key(join(server.folder, "data")));
  }, 90_000);

  test("refuses a folder with other files, one inside the data directory, and a service without data", async () => {
    const server = await started(runtime);
    const config = join(server.folder, "config.json");
    const run = (to: string) => runCli(runtime, ["grasp", "backup", "--config", config, "--to", to]);
    const other = join(server.folder, "other");
    mkdirSync(other);
    writeFileSync(join(other, "precious"), "precious");
    expect((await run(other)).code).toBe(1);
    expect(readdirSync(other)).toEqual(["precious"]);
    expect((await run(join(server.folder, "data", "copy"))).code).toBe(2);
    expect((await runCli(runtime, ["grasp", "backup", "--config", config])).code).toBe(2);
  }, 60_000);
});

test("the page about operation restores a copy with its own commands (O20)", async () => {
  const page = readPage(readFileSync(join(root, "docs/grasp/operations.md"), "utf8"));
  const commands = page.blocks.filter(({ language }) => language === "sh").map(({ text }) => text);
  const at = commands.findIndex((text) => text.startsWith("millrace grasp backup"));
  const [backup, restore] = commands.slice(at);
  const server = await started("node");
  const owner = author();
  const work = workTree(server.folder);
  const commit = work.commit("a", "one");
  const client = await connect(server.url);
  for (const event of [announcementBy(owner), stateBy(owner, { [MAIN]: commit })])
    await client.publish(event);
  expect(await runGitClient(work.path, "push", server.repository(owner), "main")).toMatchObject({ code: 0 });
  client.close();

  const places = (text: string) =>
    text.replaceAll("/srv/backup/grasp", join(server.folder, "copy")).replaceAll("data/grasp", "data").trim();
  const [, ...args] = places(backup!).split(" ");
  const config = join(server.folder, "config.json");
  expect(
    await runCli(
      "node",
      args.map((arg) => (arg === "config.json" ? config : arg)),
    ),
  ).toMatchObject({ code: 0 });
  await server.program.stop();
  writeFileSync(join(server.folder, "data", "grasp.db"), "damaged".repeat(1000));
  execFileSync("sh", ["-ec", places(restore!)], { cwd: server.folder });
  await server.restart();
  const clone = join(server.folder, "clone");
  expect(await runGitClient(server.folder, "clone", "-q", server.repository(owner), clone)).toMatchObject({
    code: 0,
  });
}, 90_000);
