/**
 * GRASP behind nginx with TLS, as `docs/operate/reverse-proxies.md` shows it: push, clone, WebSocket, and the client's address (G31).
 * @module
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import getPort from "get-port";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { certificateIn, pushThrough } from "../../support/grasp-front.ts";
import { type GraspServer, graspServer } from "../../support/grasp-server.ts";
import { readPage } from "../../support/markdown.ts";
import { nginx } from "../../support/programs.ts";
import { startSampleNginx } from "../../support/sample-nginx.ts";
import { root } from "../../support/spawn.ts";

const page = readPage(readFileSync(join(root, "docs/operate/reverse-proxies.md"), "utf8"));
const block = (info: string) => page.blocks.find((each) => each.info === info)!.text;
const DOMAIN = "git.example.com";
const PUSHED_BYTES = 20 * 1024 ** 2;

describe.skipIf(nginx.find() === null)("GRASP behind nginx", () => {
  let server: GraspServer;
  let port: number;
  let end: () => Promise<unknown> = async () => {};

  beforeAll(async () => {
    const { grasp, client } = JSON.parse(block("grasp.json"));
    server = await graspServer("node", { ...grasp, listen: { port: 0 } }, { client });
    // nginx cannot say which port it took.
    port = await getPort({ host: "127.0.0.1" });
    const folder = server.folder;
    const { key, certificate } = certificateIn(folder, DOMAIN);
    const sample = block("grasp.conf")
      .replace("listen 443 ssl;", `listen 127.0.0.1:${port} ssl;`)
      .replace("server 127.0.0.1:7334;", `server ${new URL(server.url).host};`)
      .replace("/etc/ssl/git.example.com.pem", certificate)
      .replace("/etc/ssl/git.example.com.key", key);
    end = await startSampleNginx(folder, port, sample);
  }, 60_000);
  afterAll(async () => {
    await end();
    await server?.stop();
  });

  test("announce over a WebSocket, push 20 MiB, clone it, and the page answers", async () => {
    const { url, commit, git } = await pushThrough({ domain: DOMAIN, port }, server.folder, PUSHED_BYTES);
    const clone = join(server.folder, "clone");
    expect(await git(server.folder, "clone", "-q", url, clone)).toMatchObject({ code: 0 });
    expect((await git(clone, "rev-parse", "HEAD")).output.trim()).toBe(commit);
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
