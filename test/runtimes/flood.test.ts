// One client without a credential sends forged ids to /sync.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { configFile } from "../support/config-file.ts";
import { type ProcessRuntime, spawnServer } from "../support/spawn.ts";

const KEY = "the-partner's-key";
const RETURN = "https://sync.partner.example/";
const MAX_KEYS = 1000;
/** Sixty times the capacity of the table. */
const FORGED = 60_000;
const AT_ONCE = 64;

interface Got {
  status: number;
  location: string;
  cookies: string[];
}

/** One request from an address, on a kept connection. */
function send(
  agent: Agent,
  base: string,
  path: string,
  ip: string,
  options: { cookie?: string; upload?: string[] } = {},
) {
  const { cookie, upload } = options;
  const headers: Record<string, string> = { "x-ip": ip, accept: "*/*" };
  if (cookie !== undefined) headers.cookie = `ts-ec=${cookie}`;
  if (upload !== undefined) headers.authorization = `Bearer ${KEY}`;
  const mappings = upload?.map((ec_id) => ({ ec_id, partner_uid: "u", timestamp: 1 }));
  return new Promise<Got>((resolve, reject) => {
    const method = upload === undefined ? "GET" : "POST";
    const outgoing = httpRequest(new URL(path, base), {
      agent,
      method,
      headers,
      signal: AbortSignal.timeout(60_000),
    });
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      incoming.on("error", reject).resume();
      incoming.on("end", () => {
        const { statusCode: status = 0, headers } = incoming;
        resolve({ status, location: headers.location ?? "", cookies: headers["set-cookie"] ?? [] });
      });
    });
    outgoing.end(mappings === undefined ? undefined : JSON.stringify({ mappings }));
  });
}

test.each<ProcessRuntime>(["node", "bun", "deno"])(
  "on %s a flood of forged ids blocks neither partners nor visitors",
  async (runtime) => {
    const origin = createServer((_, response) => response.end("the page")).listen(0, "127.0.0.1");
    await once(origin, "listening");
    const folder = mkdtempSync(join(tmpdir(), "millrace-flood-"));
    const path = join(folder, "config.json");
    writeFileSync(
      path,
      JSON.stringify(
        configFile({
          listen: { port: 0 },
          store: "memory:",
          publisher: {
            domain: "site.example",
            origin: `http://127.0.0.1:${(origin.address() as AddressInfo).port}`,
          },
          client: { ipHeader: "x-ip" },
          consent: { assumeCountry: "JP" },
          passphrases: ["publisher-chosen-secret"],
          throttle: { maxKeys: MAX_KEYS },
          partners: [
            {
              id: "partner",
              apiKeyHash: createHash("sha256").update(KEY).digest("hex"),
              allowedReturnDomains: ["sync.partner.example"],
            },
          ],
        }),
      ),
    );
    const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
    const server = await spawnServer(runtime, ["worker/cli/main.ts", "serve", "--config", path]);
    try {
      const ask = (where: string, ip: string, options = {}) => send(agent, server.url, where, ip, options);
      const pixel = `/sync?${new URLSearchParams({ partner: "partner", uid: "u", return: RETURN })}`;
      const [cookie] = (await ask("/", "198.51.100.7")).cookies;
      const innocent = /ts-ec=([^;]+)/.exec(cookie!)![1]!;

      const results: string[] = [];
      let next = 0;
      const client = async () => {
        while (next < FORGED) {
          const n = next++;
          const cookie = `${createHash("sha256").update(String(n)).digest("hex")}.abc123`;
          results.push((await ask(pixel, "192.0.2.66", { cookie })).location);
          if (n % 4000 !== 3999) continue;
          // During the flood, and at its end.
          expect((await ask("/_ts/api/v1/sync", "203.0.113.5", { upload: [innocent] })).status).toBe(200);
          const { status, location } = await ask(pixel, "198.51.100.7", { cookie: innocent });
          expect([status, location]).toEqual([302, `${RETURN}?ts_synced=1`]);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, client));
      expect(new Set(results)).toEqual(new Set([`${RETURN}?ts_synced=0&ts_reason=write_failed`]));
      expect(results).toHaveLength(FORGED);
      const lines = server
        .log()
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line));
      expect(lines.find(({ message }) => message === "listening")).toMatchObject({
        pid: server.pid,
        tables: { seen: MAX_KEYS, partners: 32_768, visitors: MAX_KEYS, addresses: 65_536 },
        tablesMiB: expect.any(Number),
      });
      expect(lines.filter(({ message }) => /table is full/.test(message))).toEqual([]);
    } finally {
      agent.destroy();
      await server.stop("SIGKILL");
      origin.closeAllConnections();
      origin.close();
      rmSync(folder, { recursive: true });
    }
  },
  110_000,
);
