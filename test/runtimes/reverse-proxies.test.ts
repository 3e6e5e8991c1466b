/**
 * The samples of `docs/operate/reverse-proxies.md`: nginx in front of millrace, with TLS.
 * @module
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { readPage } from "../support/markdown.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { nginx } from "../support/programs.ts";
import { root, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";

const page = readPage(readFileSync(join(root, "docs/operate/reverse-proxies.md"), "utf8"));
const block = (info: string) => page.blocks.find((each) => each.info === info)!.text;
const folder = mkdtempSync(join(tmpdir(), "millrace-front-"));
const socketPath = join(folder, "front.sock");
const LOOKS = 500;

test("the samples lead to the address of the configuration beside them", () => {
  const { listen } = JSON.parse(block("config.json"));
  for (const sample of ["millrace.conf", "Caddyfile"]) {
    expect(block(sample)).toContain(`${listen.host}:${listen.port}`);
  }
  const { grasp } = JSON.parse(block("grasp.json"));
  for (const sample of ["grasp.conf", "Caddyfile.grasp"]) {
    expect(block(sample)).toContain(`${grasp.listen.host}:${grasp.listen.port}`);
    expect(block(sample)).toContain(grasp.domain);
  }
});

describe.skipIf(nginx.find() === null)("nginx", () => {
  let origin: Origin;
  let millrace: RunningProgram;
  const ending: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    origin = await startOrigin();
    const config = join(folder, "config.json");
    writeFileSync(config, block("config.json"));
    millrace = await spawnServer("node", ["worker/cli/main.ts", "serve", "--config", config], {
      PASSPHRASE: "publisher-chosen-secret",
      MILLRACE_LISTEN_PORT: "0",
      MILLRACE_EDGE_COOKIE_PUBLISHER_ORIGIN: origin.url,
      MILLRACE_EDGE_COOKIE_CONSENT_ASSUME_COUNTRY: "JP",
      MILLRACE_EDGE_COOKIE_STORE: "memory:",
    });
    const [key, certificate] = ["front.key", "front.pem"].map((name) => join(folder, name)) as [
      string,
      string,
    ];
    const subject = ["-subj", "/CN=example.com", "-days", "1"];
    const files = ["-keyout", key, "-out", certificate];
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        ...subject,
        ...files,
      ],
      {
        stdio: "pipe",
      },
    );
    // As written, but for where this machine has the certificate, and addresses that are free.
    const sample = block("millrace.conf")
      .replace("listen 443 ssl;", `listen unix:${socketPath} ssl;`)
      .replace("server 127.0.0.1:8787;", `server ${new URL(millrace.url).host};`)
      .replace("/etc/ssl/example.com.pem", certificate)
      .replace("/etc/ssl/example.com.key", key);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/${name};`)
      .join(" ");
    writeFileSync(
      join(folder, "nginx.conf"),
      `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
http { access_log off; ${temporary}\n${sample}\n}`,
    );
    const args = ["-p", folder, "-c", join(folder, "nginx.conf")];
    execFileSync(nginx.find()!, ["-t", ...args], { stdio: "pipe" });
    const child = spawn(nginx.find()!, args, { stdio: "ignore" });
    const ended = once(child, "exit");
    ending.push(async () => {
      child.kill("SIGTERM");
      await ended;
    });
    for (let look = 0; look < LOOKS && !existsSync(socketPath); look++) await sleep(20);
  });

  afterEach(() => void origin.seen.splice(0));

  afterAll(async () => {
    for (const end of ending) await end();
    await millrace?.stop();
    await origin?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Sends a request through nginx. */
  function ask(path: string, headers: Record<string, string> = {}) {
    return new Promise<{ status: number; headers: IncomingHttpHeaders; body: string }>((resolve, reject) => {
      const asked = request(
        {
          path,
          headers: { host: "www.example.com", connection: "close", ...headers },
          createConnection: () => connect({ path: socketPath, rejectUnauthorized: false }),
        },
        async (answer) => {
          let body = "";
          for await (const part of answer.setEncoding("utf8")) body += part;
          resolve({ status: answer.statusCode!, headers: answer.headers, body });
        },
      );
      asked.on("error", reject).end();
    });
  }

  test("the site gets the visitor's host and protocol, and none of the client's own headers about them", async () => {
    const answer = await ask("/page", { "x-forwarded-proto": "http", "x-client-country": "FR" });
    expect([answer.status, answer.body]).toEqual([200, "<p>/page</p>"]);
    expect(origin.seen.at(-1)!.headers).toMatchObject({
      host: "www.example.com",
      "x-forwarded-host": "www.example.com",
      "x-forwarded-proto": "https",
    });
    expect(origin.seen.at(-1)!.headers).not.toHaveProperty("x-client-country");
  });

  test("the service's routes answer, and metrics are closed", async () => {
    expect((await ask("/_ts/ready")).status).toBe(200);
    expect((await ask("/_ts/metrics")).status).toBe(404);
  });
});
