/**
 * The starters for Fastly and WASI, built as their README says, from the package as it is published.
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import getPort from "get-port";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findViceroy } from "../../scripts/cargo-tools.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { root } from "../support/spawn.ts";
import { type RunningProgram, startProgram } from "../support/start-program.ts";
import { makeKeys, packageCli, unpackStarter } from "../support/starter.ts";

const TIMEOUT_MS = 300_000;
const folder = mkdtempSync(join(tmpdir(), "millrace-starters-"));

/** Runs the starter's `build`, as npm would. */
function build(starter: string, command: string, args: string[]): void {
  const bin = join(root, "test/node_modules", command);
  execFileSync(process.execPath, [bin, ...args], { cwd: starter, timeout: TIMEOUT_MS, stdio: "pipe" });
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("fastly", () => {
  let origin: Origin;
  let starter: string;

  beforeAll(async () => {
    origin = await startOrigin();
    starter = unpackStarter("fastly", folder);
    const compiler = "@fastly/js-compute/dist/cli/js-compute-runtime-cli.js";
    expect(JSON.parse(readFileSync(join(starter, "package.json"), "utf8")).scripts.build).toBe(
      "js-compute-runtime src/index.js bin/main.wasm",
    );
    build(starter, compiler, ["src/index.js", "bin/main.wasm"]);
  }, TIMEOUT_MS);
  afterAll(() => origin?.close());

  test.skipIf(findViceroy() === null)(
    "mints an id for a first visit",
    async () => {
      const manifest = join(starter, "fastly.toml");
      writeFileSync(manifest, readFileSync(manifest, "utf8").replace("http://127.0.0.1:9000", origin.url));
      const server = await startProgram({
        command: findViceroy()!,
        args: ["serve", "bin/main.wasm", "-C", "fastly.toml", "--addr", "127.0.0.1:0", "-v"],
        cwd: starter,
        ready: /Listening on (http:\S+)/,
        startTimeoutMs: TIMEOUT_MS / 2,
      });
      try {
        const answer = await fetch(`${server.url}/page`);
        expect([answer.status, await answer.text()]).toEqual([200, "<p>/page</p>"]);
        expect(answer.headers.getSetCookie().join()).toMatch(
          /^ts-ec=[0-9a-f]{64}\.\w{6}; Domain=\.example\.com;/,
        );
      } finally {
        await server.stop();
      }
    },
    TIMEOUT_MS,
  );
});

describe("wasi", () => {
  test(
    "mints an id, with the store of `npm run store` and the configuration of the environment",
    async () => {
      const starter = unpackStarter("wasi", folder);
      const { scripts } = JSON.parse(readFileSync(join(starter, "package.json"), "utf8"));
      expect(scripts.build).toBe("node build.mjs");
      execFileSync(process.execPath, ["build.mjs"], { cwd: starter, timeout: TIMEOUT_MS, stdio: "pipe" });

      const { secret, hash } = makeKeys(starter, [process.execPath]);
      const argsOf = (script: string, command: string): string[] => {
        const [first, ...args] = scripts[script].replace("$STORE_TOKEN_HASH", hash).split(" ");
        expect(first).toBe(command);
        return args;
      };
      const origin = await startOrigin();
      const store = await startProgram({
        command: process.execPath,
        args: [packageCli(starter), ...argsOf("store", "millrace"), "--port", "0"],
        cwd: starter,
        ready: /listening on (http:\S+)/,
        startTimeoutMs: TIMEOUT_MS / 4,
      });
      // jco does not print a port that it chose.
      const port = await getPort({ host: "127.0.0.1" });
      const jco = join(root, "test/node_modules/@bytecodealliance/jco/dist/jco.js");
      let server: RunningProgram | undefined;
      try {
        server = await startProgram({
          command: process.execPath,
          args: [jco, ...argsOf("start", "jco").map((arg) => (arg === "8787" ? `${port}` : arg))],
          cwd: starter,
          env: {
            MILLRACE_EDGE_COOKIE_STORE: store.url.replace("://", `://:${secret}@`),
            MILLRACE_EDGE_COOKIE_PUBLISHER_DOMAIN: "example.com",
            MILLRACE_EDGE_COOKIE_PUBLISHER_ORIGIN: origin.url,
            MILLRACE_EDGE_COOKIE_PASSPHRASES: '["a long secret of yours"]',
          },
          ready: /Server listening @/,
          startTimeoutMs: TIMEOUT_MS / 4,
        });
        const ask = (path: string, cookie: string) =>
          fetch(`http://127.0.0.1:${port}${path}`, {
            headers: { "x-real-ip": "203.0.113.1", "x-country": "JP", cookie },
          });
        const page = await ask("/", "");
        expect([page.status, await page.text()]).toEqual([200, "<p>/</p>"]);
        const id = page.headers.get("x-ts-ec");
        expect(page.headers.getSetCookie().join()).toMatch(
          /^ts-ec=[0-9a-f]{64}\.\w{6}; Domain=\.example\.com;/,
        );
        const known = await ask("/identify", `ts-ec=${id}`);
        expect([known.status, await known.json()]).toMatchObject([200, { ec: id }]);
      } finally {
        await server?.stop();
        await store.stop();
        await origin.close();
      }
    },
    TIMEOUT_MS,
  );
});
