/**
 * The life of a push on GRASP as `millrace serve` runs it, over real WebSockets and real Git, on Node, Bun and Deno.
 * @module
 */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { type WorkTree, workTree } from "../../support/git.ts";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  MAIN,
  PURGATORY,
  runGitClient,
  stateBy,
} from "../../support/grasp-server.ts";
import { type Author, author } from "../../support/nostr.ts";
import { connect } from "../../support/relay-client.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

describe.each<ProcessRuntime>(["node", "bun", "deno"])("GRASP on %s", (runtime) => {
  let server: GraspServer;
  let work: WorkTree;
  let owner: Author;
  let date = 1_700_000_000;
  const state = (refs: Record<string, string>) => stateBy(owner, refs, "repo", date++);
  const git = (...args: string[]) => runGitClient(work.path, ...args);

  beforeAll(async () => {
    server = await graspServer(runtime);
    work = workTree(server.folder);
    owner = author();
  }, 60_000);
  afterAll(() => server?.stop());

  test("announce, state, push, clone: the life of a push, heard by a subscriber", async () => {
    const commit = work.commit("a", "one");
    const [client, listener] = [await connect(server.url), await connect(server.url)];
    listener.say("REQ", "live", { kinds: [30617, 30618], authors: [owner.key] });
    await listener.next(([type]) => type === "EOSE");
    const [first, second] = [announcementBy(owner), state({ [MAIN]: commit })];
    expect(await client.publish(first)).toEqual([true, PURGATORY]);
    expect(await client.publish(second)).toEqual([true, PURGATORY]);
    expect(await client.query({ authors: [owner.key] })).toEqual([]);
    expect(await git("push", server.repository(owner), "main")).toMatchObject({ code: 0 });
    const heard = [
      await listener.next(([type]) => type === "EVENT"),
      await listener.next(([type]) => type === "EVENT"),
    ];
    expect(heard.map(([, , event]) => (event as NostrEvent).id)).toEqual([first.id, second.id]);
    expect((await client.query({ authors: [owner.key] })).sort()).toEqual([first.id, second.id].sort());
    const clone = join(server.folder, "clone");
    expect(await git("clone", "-q", server.repository(owner), clone)).toMatchObject({ code: 0 });
    expect((await git("-C", clone, "rev-parse", "HEAD")).output.trim()).toBe(commit);
    client.close();
    listener.close();
  }, 60_000);

  test("a push that the state does not say is refused, and the terminal shows the next step", async () => {
    const commit = work.commit("a", "two");
    const { code, output } = await git("push", server.repository(owner), "main");
    expect(code).not.toBe(0);
    expect(output).toContain(commit);
    expect(output).toContain("Publish a state");
  }, 60_000);

  test("a push of 20 MiB and its clone pass", async () => {
    const { randomBytes } = await import("node:crypto");
    const commit = work.commit("large", randomBytes(20 * 1024 ** 2).toString("base64"));
    const client = await connect(server.url);
    expect(await client.publish(state({ [MAIN]: commit }))).toEqual([true, PURGATORY]);
    expect(await git("push", server.repository(owner), "main")).toMatchObject({ code: 0 });
    expect(await git("clone", "-q", server.repository(owner), join(server.folder, "large"))).toMatchObject({
      code: 0,
    });
    client.close();
  }, 120_000);

  test("what waits and what is served survives SIGKILL (P27, V7)", async () => {
    const client = await connect(server.url);
    const waiting = announcementBy(author());
    expect(await client.publish(waiting)).toEqual([true, PURGATORY]);
    const served = await client.query({ kinds: [30618] });
    await server.restart("SIGKILL");
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
    const page = await fetch(server.repository(owner));
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
