/**
 * GRASP as `millrace serve` runs it, over real WebSockets and real Git, on Node, Bun and Deno.
 * @module
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NostrEvent } from "../../runtime/grasp/events/event.ts";
import { toNpub } from "../../runtime/grasp/npub.ts";
import { type WorkTree, workTree } from "../support/git.ts";
import { type Author, author } from "../support/nostr.ts";
import { type ProcessRuntime, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";

const HOST = "git.example";
const MAIN = "refs/heads/main";
const PURGATORY = "purgatory: won't be served until git data arrives";

/** A client of the relay. */
async function connect(url: string) {
  const socket = new WebSocket(url.replace("http", "ws"));
  const messages: unknown[][] = [];
  const waiting = new Set<() => void>();
  socket.onmessage = ({ data }) => {
    messages.push(JSON.parse(data as string));
    for (const wake of [...waiting]) wake();
  };
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  /** The first message that fits. */
  async function next(fits: (message: unknown[]) => boolean): Promise<unknown[]> {
    for (;;) {
      const at = messages.findIndex(fits);
      if (at !== -1) return messages.splice(at, 1)[0]!;
      await new Promise<void>((resolve) => {
        const wake = () => {
          waiting.delete(wake);
          resolve();
        };
        waiting.add(wake);
      });
    }
  }
  const say = (...message: unknown[]) => socket.send(JSON.stringify(message));
  return {
    next,
    say,
    async publish(event: NostrEvent) {
      say("EVENT", event);
      const [, , ok, text] = await next(([type, id]) => type === "OK" && id === event.id);
      return [ok, text];
    },
    async query(...filters: object[]) {
      say("REQ", "q", ...filters);
      await next(([type, name]) => type === "EOSE" && name === "q");
      say("CLOSE", "q");
      return messages
        .filter(([type, name]) => type === "EVENT" && name === "q")
        .map(([, , event]) => (event as NostrEvent).id);
    },
    close: () => socket.close(),
  };
}

describe.each<ProcessRuntime>(["node", "bun", "deno"])("GRASP on %s", (runtime) => {
  let folder: string;
  let work: WorkTree;
  let server: RunningProgram;
  let owner: Author;

  const start = () =>
    spawnServer(runtime, ["worker/cli/main.ts", "serve", "--config", join(folder, "config.json")]);
  const repository = () => `${server.url}/${toNpub(owner.key)}/repo.git`;
  const announcement = (by: Author) =>
    by.sign(30617, [
      ["d", "repo"],
      ["clone", `https://${HOST}/${toNpub(by.key)}/repo.git`],
      ["relays", `wss://${HOST}`],
    ]);
  let date = 1_700_000_000;
  const state = (refs: Record<string, string>) =>
    owner.sign(30618, [["d", "repo"], ...Object.entries(refs), ["HEAD", `ref: ${MAIN}`]], "", date++);
  async function git(...args: string[]): Promise<{ code: number; output: string }> {
    const env = {
      PATH: process.env.PATH,
      HOME: folder,
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_TERMINAL_PROMPT: "0",
      LC_ALL: "C",
    };
    try {
      const { stdout, stderr } = await promisify(execFile)("git", args, {
        cwd: work.path,
        timeout: 60_000,
        env,
      });
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: stdout + stderr };
    }
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "millrace-grasp-"));
    work = workTree(folder);
    owner = author();
    const grasp = { domain: HOST, listen: { port: 0 }, dataDirectory: join(folder, "data") };
    writeFileSync(join(folder, "config.json"), JSON.stringify({ grasp }));
    server = await start();
  }, 60_000);
  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("announce, state, push, clone: the life of a push, heard by a subscriber", async () => {
    const commit = work.commit("a", "one");
    const [client, listener] = [await connect(server.url), await connect(server.url)];
    listener.say("REQ", "live", { kinds: [30617, 30618], authors: [owner.key] });
    await listener.next(([type]) => type === "EOSE");
    const [first, second] = [announcement(owner), state({ [MAIN]: commit })];
    expect(await client.publish(first)).toEqual([true, PURGATORY]);
    expect(await client.publish(second)).toEqual([true, PURGATORY]);
    expect(await client.query({ authors: [owner.key] })).toEqual([]);
    expect(await git("push", repository(), "main")).toMatchObject({ code: 0 });
    const heard = [
      await listener.next(([type]) => type === "EVENT"),
      await listener.next(([type]) => type === "EVENT"),
    ];
    expect(heard.map(([, , event]) => (event as NostrEvent).id)).toEqual([first.id, second.id]);
    expect((await client.query({ authors: [owner.key] })).sort()).toEqual([first.id, second.id].sort());
    const clone = join(folder, "clone");
    expect(await git("clone", "-q", repository(), clone)).toMatchObject({ code: 0 });
    expect((await git("-C", clone, "rev-parse", "HEAD")).output.trim()).toBe(commit);
    client.close();
    listener.close();
  }, 60_000);

  test("a push that the state does not say is refused, and the terminal shows the next step", async () => {
    const commit = work.commit("a", "two");
    const { code, output } = await git("push", repository(), "main");
    expect(code).not.toBe(0);
    expect(output).toContain(commit);
    expect(output).toContain("Publish a state");
  }, 60_000);

  test("a push of 20 MiB and its clone pass", async () => {
    const { randomBytes } = await import("node:crypto");
    const commit = work.commit("large", randomBytes(20 * 1024 ** 2).toString("base64"));
    const client = await connect(server.url);
    expect(await client.publish(state({ [MAIN]: commit }))).toEqual([true, PURGATORY]);
    expect(await git("push", repository(), "main")).toMatchObject({ code: 0 });
    expect(await git("clone", "-q", repository(), join(folder, "large"))).toMatchObject({ code: 0 });
    client.close();
  }, 120_000);

  test("what waits and what is served survives SIGKILL (P27, V7)", async () => {
    const client = await connect(server.url);
    const waiting = announcement(author());
    expect(await client.publish(waiting)).toEqual([true, PURGATORY]);
    const served = await client.query({ kinds: [30618] });
    await server.stop("SIGKILL");
    server = await start();
    const again = await connect(server.url);
    expect(await again.query({ kinds: [30618] })).toEqual(served);
    expect((await again.publish(waiting))[1]).toMatch(/^duplicate: /);
    again.close();
  }, 120_000);

  test("the relay tells about itself, every answer is open to pages, and strangers' pages have no script", async () => {
    const about = await fetch(server.url, { headers: { accept: "application/nostr+json" } });
    expect(about.headers.get("content-type")).toBe("application/nostr+json");
    expect(await about.json()).toMatchObject({
      supported_grasps: ["GRASP-01"],
      limitation: { created_at_upper_limit: 1800 },
    });
    for (const path of [
      "/",
      "/nothing",
      `/${toNpub(owner.key)}/repo.git`,
      `/${toNpub(owner.key)}/none.git/info/refs`,
    ]) {
      const response = await fetch(server.url + path);
      expect([path, response.headers.get("access-control-allow-origin")]).toEqual([path, "*"]);
    }
    const preflight = await fetch(`${server.url}/anything`, { method: "OPTIONS" });
    expect([preflight.status, preflight.headers.get("access-control-max-age")]).toEqual([204, "86400"]);
    const page = await fetch(repository());
    expect([page.status, page.headers.get("content-security-policy")]).toEqual([
      200,
      expect.stringContaining("default-src 'none'"),
    ]);
  });

  test("a message that is too long closes the connection with 1009, and others live", async () => {
    const [loud, quiet] = [await connect(server.url), await connect(server.url)];
    const closed = new Promise<number>((resolve) => {
      const socket = new WebSocket(server.url.replace("http", "ws"));
      socket.onopen = () => socket.send("x".repeat(3 * 1024 ** 2));
      socket.onclose = ({ code }) => resolve(code);
    });
    expect(await closed).toBe(1009);
    expect(await quiet.query({ kinds: [30618] })).toHaveLength(1);
    loud.close();
    quiet.close();
  });
});
