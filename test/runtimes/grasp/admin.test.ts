/**
 * Administration commands beside a running service (O14 to O16, O36), on Node, Bun and Deno.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { workTree } from "../../support/git.ts";
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
import { runCli } from "../../support/run-cli.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

const RUNTIMES: ProcessRuntime[] = ["node", "bun", "deno"];

describe.each(RUNTIMES)("administration on %s", (runtime) => {
  let server: GraspServer;
  let relay: RelayClient;
  const owner = author();
  const config = () => join(server.folder, "config.json");
  const run = (...args: string[]) => runCli(runtime, ["grasp", ...args, "--config", config()]);
  /** The rows of a command, as JSON. */
  async function rowsOf(...args: string[]): Promise<Record<string, unknown>[]> {
    const { code, stdout, stderr } = await run(...args, "--json");
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }

  beforeAll(async () => {
    server = await graspServer(runtime);
    relay = await connect(server.url);
  }, 60_000);
  afterAll(async () => {
    relay?.close();
    await server?.stop();
  });

  test("the address of the commands can be read by the service's user only, and its token is asked for (O14)", async () => {
    const file = join(server.folder, "data/control.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { url, token } = JSON.parse(readFileSync(file, "utf8"));
    const ask = (authorization: string, path = "status", method = "POST") =>
      fetch(`${url}/${path}`, {
        method,
        headers: { authorization },
        ...(method === "POST" ? { body: "{}" } : {}),
      }).then(({ status, body }) => body?.cancel().then(() => status));
    expect(await ask("")).toBe(401);
    expect(await ask(`Bearer ${"0".repeat(64)}`)).toBe(401);
    expect(await ask(`Bearer ${token}`, "nothing")).toBe(404);
    expect(await ask(`Bearer ${token}`, "status", "GET")).toBe(404);
    expect(await ask(`Bearer ${token}`)).toBe(200);
  });

  test("what waits is listed, is not released while it is incomplete, and is dropped (O14, O15)", async () => {
    const announcement = announcementBy(owner);
    await relay.publish(announcement);
    const work = workTree(server.folder);
    const commit = work.commit("a", "one");
    const state = stateBy(owner, { [MAIN]: commit }, "repo");
    await relay.publish(state);
    const waiting = await rowsOf("purgatory", "list");
    expect(waiting.map(({ event, store, identifier }) => ({ event, store, identifier }))).toEqual([
      { event: announcement.id, store: "announcement", identifier: "repo" },
      { event: state.id, store: "state", identifier: "repo" },
    ]);
    const released = await run("purgatory", "release", state.id);
    expect([released.code, released.stderr.includes("it goes on waiting")]).toEqual([1, true]);
    expect(await relay.query({ ids: [state.id] })).toEqual([]);
    expect(await rowsOf("purgatory", "requeue", state.id)).toEqual([
      { identifier: "repo", outcome: "queued" },
    ]);
    expect(await rowsOf("purgatory", "drop", state.id)).toEqual([{ event: state.id, outcome: "dropped" }]);
    expect((await rowsOf("purgatory", "list")).map(({ event }) => event)).toEqual([announcement.id]);
    // A client may send it again, and the push that it allows releases both.
    await relay.publish(state);
    const url = server.repository(owner);
    expect(await runGitClient(work.path, "push", url, "main")).toMatchObject({ code: 0 });
    expect(await rowsOf("purgatory", "list")).toEqual([]);
    expect(await relay.query({ ids: [state.id] })).toEqual([state.id]);
  });

  test("a repository is checked now (O14, S24)", async () => {
    const repository = `${toNpub(owner.key)}/repo`;
    expect(await rowsOf("repair", repository)).toEqual([{ repository, status: "complete", missing: 0 }]);
    expect(await rowsOf("repair", "--all")).toEqual([{ repository, status: "complete", missing: 0 }]);
    const absent = await run("repair", `${toNpub(owner.key)}/other`);
    expect([absent.code, absent.stderr.includes("is not served here")]).toEqual([1, true]);
  });

  test("a ref that somebody else moved is found by the check of data, and repaired (O18)", async () => {
    expect(await rowsOf("check", "--data")).toEqual([]);
    const path = join(server.folder, "data/git", toNpub(owner.key), "repo.git");
    const repository = `${toNpub(owner.key)}/repo`;
    let found: Record<string, unknown>[] = [];
    // The hourly repair may come first, once.
    for (let tries = 0; tries < 2 && found.length === 0; tries++) {
      expect(await runGitClient(path, "update-ref", "refs/heads/stray", "refs/heads/main")).toMatchObject({
        code: 0,
      });
      found = await rowsOf("check", "--data");
    }
    expect(found).toEqual([{ repository, objects: "complete", refs: "differ", repair: "repaired" }]);
    expect(await rowsOf("check", "--data")).toEqual([]);
    const settings = await run("check");
    expect([settings.code, settings.stdout.trim().endsWith("grasp")]).toEqual([0, true]);
  });

  test("a packed and a loose object that somebody deleted are found by the check of data, and their repository is named (O18, T67)", async () => {
    const path = join(server.folder, "data/git", toNpub(owner.key), "repo.git");
    const repository = `${toNpub(owner.key)}/repo`;
    const git = async (...args: string[]) => {
      const { code, output } = await runGitClient(path, ...args);
      expect([args, code, output]).toEqual([args, 0, output]);
      return output.trim();
    };
    const tree = await git("rev-parse", "main^{tree}");
    const [pack, aside] = [join(path, "objects/pack"), join(server.folder, "aside")];
    const faults = async () => (await rowsOf("check", "--data")).map(({ repair: _, ...fault }) => fault);
    const fault = { repository, objects: "1 missing", refs: "right" };
    expect(await faults()).toEqual([]);
    renameSync(pack, aside);
    mkdirSync(pack);
    expect(await faults()).toEqual([fault]);

    // The same objects, each in a file of its own, but for a tree.
    for (const name of readdirSync(aside).filter((one) => one.endsWith(".pack")))
      execFileSync("git", ["--git-dir", path, "unpack-objects", "-q"], {
        input: readFileSync(join(aside, name)),
      });
    expect(await faults()).toEqual([]);
    const loose = join(path, "objects", tree.slice(0, 2), tree.slice(2));
    renameSync(loose, join(server.folder, "loose"));
    expect(await faults()).toEqual([fault]);
    renameSync(join(server.folder, "loose"), loose);
    expect(await faults()).toEqual([]);
  });

  test("events of a file pass the policy, the oldest first; what is no event is counted (O19)", async () => {
    const other = author();
    const announcement = announcementBy(other);
    const comment = other.sign(1111, [["A", `30617:${other.key}:repo`]], "about it");
    const forged = { ...announcementBy(other, "forged"), sig: "0".repeat(128) };
    const file = join(server.folder, "events.jsonl");
    const lines = [comment, announcementBy(owner), forged, announcement].map((event) =>
      JSON.stringify(event),
    );
    writeFileSync(file, `${lines.join("\n")}\nnot JSON\n\n`);
    const counts = Object.fromEntries((await rowsOf("import", file)).map((row) => [row.outcome, row.events]));
    expect(counts["no event"]).toBe(1);
    expect(Object.values(counts).reduce((a, b) => Number(a) + Number(b), 0)).toBe(5);
    expect(counts.waits).toBeGreaterThanOrEqual(1);
    expect((await rowsOf("purgatory", "list")).map(({ event }) => event)).toContain(announcement.id);
    expect((await run("import", "relative.jsonl")).code).toBe(2);
    expect((await run("import", join(server.folder, "absent.jsonl"))).code).toBe(1);
    expect(await rowsOf("clean")).toEqual([]);
  });

  test("the service shows its figures, as a table and as JSON (O14)", async () => {
    const figures = new Map((await rowsOf("status")).map(({ what, value }) => [what, value]));
    expect(figures.get("repositories")).toBeGreaterThanOrEqual(1);
    expect(figures.get("states that wait")).toBe(0);
    const { stdout } = await run("status");
    expect(stdout).toMatch(/^what +value\n/);
  });

  test("mistakes are explained: no service, a wrong action, a wrong id, a wrong name (O14)", async () => {
    expect(await run("purgatory", "burn")).toMatchObject({ code: 2 });
    expect(await run("purgatory", "drop", "abc")).toMatchObject({ code: 2 });
    expect(await run("purgatory", "drop", "0".repeat(64))).toMatchObject({ code: 1 });
    expect(await run("sync", "nobody/repo")).toMatchObject({ code: 2 });
    await server.program.stop("SIGKILL");
    const { code, stderr } = await run("status");
    expect([code, stderr.includes("no service runs on")]).toEqual([1, true]);
    await server.restart();
    expect((await rowsOf("status")).length).toBeGreaterThan(0);
  });
});
