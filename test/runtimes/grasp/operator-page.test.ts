/** The operator's page and its state: where they are, and who may read them (O4, O10, O14). On Node, Bun and Deno. */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Past } from "../../../worker/admin/past.ts";
import type { GraspStatus } from "../../../worker/grasp/admin/status.ts";
import { MAX_WRONG } from "../../../worker/http/wrong-tokens.ts";
import { announcementBy, type GraspServer, graspServer, HOST } from "../../support/grasp-server.ts";
import { author } from "../../support/nostr.ts";
import { connect } from "../../support/relay-client.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

const RUNTIMES: ProcessRuntime[] = ["node", "bun", "deno"];
const TOKEN = "the-operators-token-of-this-test";
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
/** Asks from another address of this machine. */
const statusFrom = (localAddress: string, url: string, headers: Record<string, string>) =>
  new Promise<number>((resolve, reject) => {
    const asked = request(url, { localAddress, headers, agent: false }, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode!));
    });
    asked.on("error", reject).end();
  });
const statusOf = async (url: string, headers: Record<string, string> = {}) => {
  const response = await fetch(url, { headers });
  await response.body?.cancel();
  return response.status;
};

describe.each(RUNTIMES)("the operator's page on %s", (runtime) => {
  let server: GraspServer;
  let operator: string;

  beforeAll(async () => {
    server = await graspServer(
      runtime,
      { metrics: { listen: { port: 0 } } },
      { operator: { tokenHash: sha256(TOKEN) } },
    );
    const line = /"metrics":"(http:[^"]+)"/;
    // The log and the ready line come by different pipes.
    await vi.waitUntil(() => line.test(server.program.all()), { timeout: 20_000 });
    operator = line.exec(server.program.all())![1]!;
  }, 60_000);
  afterAll(() => server?.stop());

  test("it is at the address of the metrics, with readiness, and not at the public one", async () => {
    const at = async (url: string) =>
      Promise.all(
        ["/metrics", "/admin/", "/ready", "/health", "/admin/status", "/other"].map((path) =>
          statusOf(url + path),
        ),
      );
    expect(await at(operator)).toEqual([200, 200, 200, 200, 401, 404]);
    expect(await at(server.url)).toEqual([404, 404, 200, 200, 404, 404]);
    const page = await fetch(`${operator}/admin/`);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'; script-src 'sha256-");
    expect(page.headers.get("access-control-allow-origin")).toBeNull();
    expect(await page.text()).not.toContain(HOST);
    const bare = await fetch(`${operator}/admin`, { redirect: "manual" });
    expect([bare.status, bare.headers.get("location")]).toEqual([308, "/admin/"]);
  });

  test("wrong tokens of an address are refused for a minute, its right one and other addresses are not (O13)", async () => {
    const url = `${operator}/admin/status`;
    for (let i = 0; i < MAX_WRONG; i++) expect(await statusFrom("127.0.0.2", url, bearer("wrong"))).toBe(401);
    expect(await statusFrom("127.0.0.2", url, bearer("wrong"))).toBe(429);
    expect(await statusFrom("127.0.0.2", url, bearer(TOKEN))).toBe(200);
    expect(await statusFrom("127.0.0.1", url, bearer("wrong"))).toBe(401);
  });

  test("the state needs the operator's token; a wrong one gets an answer without any of it", async () => {
    const url = `${operator}/admin/status`;
    for (const headers of [{}, bearer("wrong"), bearer(sha256(TOKEN)), { authorization: `Basic ${TOKEN}` }]) {
      const refused = await fetch(url, { headers });
      expect(refused.status).toBe(401);
      expect(refused.headers.get("www-authenticate")).toBe("Bearer");
      expect(Object.keys((await refused.json()) as object)).toEqual(["error", "message"]);
    }
    const answer = await fetch(url, { headers: bearer(TOKEN) });
    expect([answer.status, answer.headers.get("cache-control")]).toEqual([200, "no-store"]);
    const status = (await answer.json()) as GraspStatus;
    expect(status).toMatchObject({ service: "grasp", domain: HOST, build: { runtime }, relays: null });
    expect(status.metrics.map(({ name }) => name)).toContain("grasp_connections_total");
    expect(await statusOf(`${operator}/admin/past`)).toBe(401);
    const past = (await (await fetch(`${operator}/admin/past`, { headers: bearer(TOKEN) })).json()) as Past;
    expect(past.instance).toBe(status.instance);
    expect(past.samples[0]).toMatchObject({ counters: { stored: 0 }, levels: { running: 0 } });
  });

  test("it shows what waits, at most 100 entries, and how many more there are", async () => {
    const relay = await connect(server.url);
    // 60 events a minute beside the first 120 of an address: these pass at once.
    const authors = [author(), author()];
    for (let i = 0; i < 103; i++) await relay.publish(announcementBy(authors[i % 2]!, `repo-${i}`));
    relay.close();
    const answer = await fetch(`${operator}/admin/status`, { headers: bearer(TOKEN) });
    const { purgatory, repositories, recent } = (await answer.json()) as GraspStatus;
    expect(purgatory).toMatchObject({ counts: { announcement: 103 }, entries_left_out: 3 });
    expect(purgatory.entries).toHaveLength(100);
    expect(purgatory.entries[0]).toMatchObject({ store: "announcement", identifiers: ["repo-0"] });
    expect([repositories.newest.length, recent.length]).toEqual([0, 50]);
  });

  test("SIGHUP replaces the token, and neither the token nor its hash is in the log", async () => {
    const config = {
      operator: { tokenHash: sha256("another-token-of-this-test") },
      grasp: {
        domain: HOST,
        name: "reloaded",
        listen: { port: 0 },
        dataDirectory: join(server.folder, "data"),
        sync: { enabled: false },
        metrics: { listen: { port: 0 } },
      },
    };
    writeFileSync(join(server.folder, "config.json"), JSON.stringify(config));
    server.program.kill("SIGHUP");
    // Wrong tokens are counted, so that the page does not tell whether the reload is over.
    const headers = { accept: "application/nostr+json" };
    const name = async () => ((await (await fetch(server.url, { headers })).json()) as { name: string }).name;
    await expect.poll(name, { timeout: 20_000 }).toBe("reloaded");
    const url = `${operator}/admin/status`;
    expect(await statusOf(url, bearer("another-token-of-this-test"))).toBe(200);
    expect(await statusOf(url, bearer(TOKEN))).toBe(401);
    for (const secret of [TOKEN, sha256(TOKEN), sha256("another-token-of-this-test")])
      expect(server.program.all()).not.toContain(secret);
  });
});

test("without an address of its own it is on the service's, for clients on this machine; without a token nobody reads it", async () => {
  const server = await graspServer("node", { basePath: "/grasp/" }, { client: { trustedProxies: 1 } });
  try {
    const from = (address: string) =>
      Promise.all(
        ["admin/", "admin/status", "metrics"].map((path) =>
          statusOf(`${server.url}/grasp/${path}`, { ...bearer(TOKEN), "x-forwarded-for": address }),
        ),
      );
    expect(await from("127.0.0.1")).toEqual([200, 401, 200]);
    expect(await from("192.0.2.1")).toEqual([404, 404, 404]);
  } finally {
    await server.stop();
  }
});
