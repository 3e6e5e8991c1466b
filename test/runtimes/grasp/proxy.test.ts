/**
 * GRASP behind nginx with TLS, as `docs/operate/reverse-proxies.md` shows it: push, clone, WebSocket, and the client's address (G31).
 * @module
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { workTree } from "../../support/git.ts";
import { type GraspServer, graspServer, MAIN, PURGATORY, runGitClient } from "../../support/grasp-server.ts";
import { readPage } from "../../support/markdown.ts";
import { author } from "../../support/nostr.ts";
import { nginx } from "../../support/programs.ts";
import { root } from "../../support/spawn.ts";

const page = readPage(readFileSync(join(root, "docs/operate/reverse-proxies.md"), "utf8"));
const block = (info: string) => page.blocks.find((each) => each.info === info)!.text;
const DOMAIN = "git.example.com";
const LOOKS = 500;

/** A port that was free a moment ago: nginx cannot say which one it took. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

describe.skipIf(nginx.find() === null)("GRASP behind nginx", () => {
  let server: GraspServer;
  let port: number;
  let end = async () => {};

  beforeAll(async () => {
    const { grasp, client } = JSON.parse(block("grasp.json"));
    server = await graspServer("node", { ...grasp, listen: { port: 0 } }, { client });
    port = await freePort();
    const folder = server.folder;
    const [key, certificate] = [join(folder, "front.key"), join(folder, "front.pem")];
    const args = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", `/CN=${DOMAIN}`];
    const names = ["-addext", `subjectAltName=DNS:${DOMAIN}`, "-days", "1"];
    execFileSync("openssl", ["req", "-x509", ...args, ...names, "-keyout", key, "-out", certificate], {
      stdio: "pipe",
    });
    const sample = block("grasp.conf")
      .replace("listen 443 ssl;", `listen 127.0.0.1:${port} ssl;`)
      .replace("server 127.0.0.1:7334;", `server ${new URL(server.url).host};`)
      .replace("/etc/ssl/git.example.com.pem", certificate)
      .replace("/etc/ssl/git.example.com.key", key);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/${name};`)
      .join(" ");
    writeFileSync(
      join(folder, "nginx.conf"),
      `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
http { access_log off; ${temporary}\n${sample}\n}`,
    );
    const child = spawn(nginx.find()!, ["-p", folder, "-c", join(folder, "nginx.conf")], { stdio: "ignore" });
    const ended = once(child, "exit");
    end = async () => {
      child.kill("SIGTERM");
      await ended;
    };
    for (let look = 0; look < LOOKS && !(await isOpen(port)); look++) await sleep(20);
  }, 60_000);
  afterAll(async () => {
    await end();
    await server?.stop();
  });

  test("announce over a WebSocket, push 20 MiB, clone it, and the page answers", async () => {
    const owner = author();
    const path = `${toNpub(owner.key)}/repo.git`;
    const work = workTree(server.folder);
    const { randomBytes } = await import("node:crypto");
    const commit = work.commit("large", randomBytes(20 * 1024 ** 2).toString("base64"));
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
    expect(await say(owner.sign(30617, listed))).toEqual([true, PURGATORY]);
    expect(
      await say(
        owner.sign(30618, [
          ["d", "repo"],
          [MAIN, commit],
          ["HEAD", `ref: ${MAIN}`],
        ]),
      ),
    ).toEqual([true, PURGATORY]);
    socket.close();

    const url = `https://${DOMAIN}:${port}/${path}`;
    const own = ["-c", "http.sslVerify=false", "-c", `http.curloptResolve=${DOMAIN}:${port}:127.0.0.1`];
    expect(await runGitClient(work.path, ...own, "push", url, "main")).toMatchObject({ code: 0 });
    const clone = join(server.folder, "clone");
    expect(await runGitClient(work.path, ...own, "clone", "-q", url, clone)).toMatchObject({ code: 0 });
    expect((await runGitClient(clone, "rev-parse", "HEAD")).output.trim()).toBe(commit);
    const status = execFileSync(
      "curl",
      ["-sk", "--resolve", `${DOMAIN}:${port}:127.0.0.1`, `${url}/status.json`],
      { encoding: "utf8" },
    );
    expect(JSON.parse(status)).toMatchObject({ place: "served" });
  }, 120_000);

  test("the client's address is the one that nginx saw, not the one that the client claims", async () => {
    const ask = (...headers: string[]) =>
      execFileSync(
        "curl",
        [
          "-sk",
          "-o",
          "/dev/null",
          "-w",
          "%{http_code}",
          "--resolve",
          `${DOMAIN}:${port}:127.0.0.1`,
          ...headers.flatMap((header) => ["-H", header]),
          `https://${DOMAIN}:${port}/metrics`,
        ],
        { encoding: "utf8" },
      );
    // Metrics are for this machine, and nginx's client is on it.
    expect(ask("X-Forwarded-For: 192.0.2.1")).toBe("200");
  });
});

async function isOpen(port: number): Promise<boolean> {
  const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
