/**
 * Both services behind Caddy with TLS, as `docs/operate/reverse-proxies.md` shows it: the cookie, a WebSocket, a push of 100 MiB (G31).
 * @module
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import getPort from "get-port";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { workTree } from "../../support/git.ts";
import { type GraspServer, graspServer, MAIN, PURGATORY, runGitClient } from "../../support/grasp-server.ts";
import { readPage } from "../../support/markdown.ts";
import { author } from "../../support/nostr.ts";
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
    const [key, certificate] = [join(folder, "front.key"), join(folder, "front.pem")] as const;
    const args = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", `/CN=${DOMAIN}`];
    const names = ["-addext", "subjectAltName=DNS:*.example.com,DNS:example.com", "-days", "1"];
    execFileSync("openssl", ["req", "-x509", ...args, ...names, "-keyout", key, "-out", certificate], {
      stdio: "pipe",
    });
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
    const owner = author();
    const path = `${toNpub(owner.key)}/repo.git`;
    const work = workTree(grasp.folder);
    // Without compression, so that the push has all of it.
    execFileSync("git", ["config", "core.compression", "0"], { cwd: work.path });
    const commit = work.commit("large", randomBytes((PUSHED_BYTES / 4) * 3).toString("base64"));
    const socket = new WebSocket(`wss://${DOMAIN}/`, {
      createConnection: (() =>
        connectTls({ host: "127.0.0.1", port, servername: DOMAIN, rejectUnauthorized: false })) as never,
    });
    await once(socket, "open");
    const say = async (event: object) => {
      const answer = once(socket, "message");
      socket.send(JSON.stringify(["EVENT", event]));
      return JSON.parse(String((await answer)[0])).slice(2);
    };
    const listed = [
      ["d", "repo"],
      ["clone", `https://${DOMAIN}/${path}`],
      ["relays", `wss://${DOMAIN}`],
    ];
    const state = [
      ["d", "repo"],
      [MAIN, commit],
      ["HEAD", `ref: ${MAIN}`],
    ];
    expect(await say(owner.sign(30617, listed))).toEqual([true, PURGATORY]);
    expect(await say(owner.sign(30618, state))).toEqual([true, PURGATORY]);
    socket.close();

    const url = `https://${DOMAIN}:${port}/${path}`;
    const own = ["-c", "http.sslVerify=false", "-c", `http.curloptResolve=${DOMAIN}:${port}:127.0.0.1`];
    const push = [...own, "-c", "pack.compression=0", "push", url, "main"];
    expect(await runGitClient(work.path, ...push)).toMatchObject({ code: 0 });
    expect(await curl(DOMAIN, `/${path}/status.json`)).toMatch(/"place":\s*"served"/);
  }, 180_000);
});
