/**
 * Both services behind Caddy with TLS, as `docs/operate/reverse-proxies.md` shows it: the cookie, a WebSocket, a push of 100 MiB (G31).
 * @module
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import getPort from "get-port";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { certificateIn, pushThrough } from "../../support/grasp-front.ts";
import { type GraspServer, graspServer } from "../../support/grasp-server.ts";
import { readPage } from "../../support/markdown.ts";
import { type Origin, startOrigin } from "../../support/origin.ts";
import { caddy } from "../../support/programs.ts";
import { root, spawnServer } from "../../support/spawn.ts";
import { type RunningProgram, runCommand, startProgram } from "../../support/start-program.ts";

const page = readPage(readFileSync(join(root, "docs/operate/reverse-proxies.md"), "utf8"));
const block = (info: string) => page.blocks.find((each) => each.info === info)!.text;
const [SITE, DOMAIN] = ["www.example.com", "git.example.com"];
const PUSHED_BYTES = 100 * 1024 ** 2;

describe.skipIf(caddy.find() === null)("behind Caddy", () => {
  let origin: Origin;
  let millrace: RunningProgram;
  let grasp: GraspServer;
  let front: RunningProgram;
  let port: number;

  beforeAll(async () => {
    origin = await startOrigin();
    const sample = JSON.parse(block("grasp.json"));
    grasp = await graspServer("node", { ...sample.grasp, listen: { port: 0 } }, { client: sample.client });
    const { folder } = grasp;
    const config = join(folder, "edge-cookie.json");
    writeFileSync(config, block("config.json"));
    millrace = await spawnServer("node", ["worker/cli/main.ts", "serve", "--config", config], {
      PASSPHRASE: "publisher-chosen-secret",
      MILLRACE_LISTEN_PORT: "0",
      MILLRACE_EDGE_COOKIE_PUBLISHER_ORIGIN: origin.url,
      MILLRACE_EDGE_COOKIE_CONSENT_ASSUME_COUNTRY: "JP",
      MILLRACE_EDGE_COOKIE_STORE: "memory:",
    });
    const { key, certificate } = certificateIn(folder, "example.com", "*.example.com");
    port = await getPort({ host: "127.0.0.1" });
    // As written, but for the certificate, which Caddy would fetch, and addresses that are free.
    const tls = `{\n\tbind 127.0.0.1\n\ttls ${certificate} ${key}\n`;
    const file = join(folder, "Caddyfile");
    writeFileSync(
      file,
      `{
	admin off
	auto_https off
	storage file_system ${folder}/caddy
}
${block("Caddyfile")
  .replace("example.com, www.example.com {\n", `https://example.com:${port}, https://${SITE}:${port} ${tls}`)
  .replace("127.0.0.1:8787", new URL(millrace.url).host)}
${block("Caddyfile.grasp")
  .replace(`${DOMAIN} {\n`, `https://${DOMAIN}:${port} ${tls}`)
  .replace("127.0.0.1:7334", new URL(grasp.url).host)}
`,
    );
    const env = { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
    const options = { env: { ...process.env, ...env }, stdio: "pipe" } as const;
    execFileSync(caddy.find()!, ["validate", "--config", file, "--adapter", "caddyfile"], options);
    front = await startProgram({
      command: caddy.find()!,
      args: ["run", "--config", file, "--adapter", "caddyfile"],
      env,
      ready: /serving initial configuration/,
    });
  }, 60_000);
  afterAll(async () => {
    await front?.stop();
    await millrace?.stop();
    await origin?.close();
    await grasp?.stop();
  });

  /** The head and the body of an answer, as curl prints them. */
  const curl = async (host: string, path: string, ...headers: string[]) => {
    const where = ["-ski", "--resolve", `${host}:${port}:127.0.0.1`];
    const fields = headers.flatMap((header) => ["-H", header]);
    const args = [...where, ...fields, `https://${host}:${port}${path}`];
    return (await runCommand({ command: "curl", args })).stdout;
  };

  test("a page gets a Secure cookie of the publisher's domain, the site the visitor's address; metrics are closed", async () => {
    const answer = await curl(
      SITE,
      "/page",
      "X-Forwarded-For: 198.51.100.7",
      "X-Client-Country: FR",
      "Accept: text/html",
    );
    expect(answer).toMatch(
      /^set-cookie: ts-ec=[0-9a-f]{64}\.\w{6}; Domain=\.example\.com; Path=\/; Secure;/im,
    );
    expect(answer).toContain("<p>/page</p>");
    const seen = origin.seen.at(-1)!.headers;
    expect(seen).toMatchObject({ "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "https" });
    expect(seen["x-forwarded-host"]).toBe(`${SITE}:${port}`);
    expect(seen).not.toHaveProperty("x-client-country");
    expect(await curl(SITE, "/_ts/metrics")).toMatch(/^HTTP\/2 404/);
  });

  test("GRASP: events over a WebSocket, a push of 100 MiB that the proxy neither refuses nor cuts off", async () => {
    const { path } = await pushThrough({ domain: DOMAIN, port }, grasp.folder, PUSHED_BYTES);
    expect(await curl(DOMAIN, `/${path}/status.json`)).toMatch(/"place":\s*"served"/);
  }, 180_000);
});
