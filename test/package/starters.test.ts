/**
 * The starters for Fastly and WASI, built as their README says, from the package as it is published.
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findViceroy } from "../../scripts/cargo-tools.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { root } from "../support/spawn.ts";
import { startProgram } from "../support/start-program.ts";
import { unpackStarter } from "../support/starter.ts";

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
    "builds a component",
    () => {
      const starter = unpackStarter("wasi", folder);
      execFileSync(process.execPath, ["build.mjs"], { cwd: starter, timeout: TIMEOUT_MS, stdio: "pipe" });
      const component = readFileSync(join(starter, "service.wasm"));
      // The magic number, and the layer number of a component.
      expect([...component.subarray(0, 8)]).toEqual([0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00]);
    },
    TIMEOUT_MS,
  );
});
