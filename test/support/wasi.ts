/**
 * A service on WASI HTTP as it runs on a developer's machine: made into a component by the starter's own build, served
 * by jco.
 * @module
 */
import { execFile, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { MAX_HEADER_BYTES } from "../../worker/http/clocks.ts";
import { type Program, startProgram } from "./program.ts";
import { root } from "./spawn.ts";

const BUILD_TIMEOUT_MS = 180_000;
const START_TIMEOUT_MS = 60_000;

/**
 * Makes a component.
 * @param entry the entry's JavaScript.
 * @param folder for what is made on the way.
 * @returns the component's file.
 */
export async function buildWasi(entry: string, folder: string): Promise<string> {
  mkdirSync(join(folder, "src"), { recursive: true });
  for (const file of ["build.mjs", "jco-fixes.mjs"]) {
    copyFileSync(join(root, "examples/wasi", file), join(folder, file));
  }
  symlinkSync(join(root, "test/node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "src/index.js"), entry);
  await promisify(execFile)(process.execPath, ["build.mjs"], { cwd: folder, timeout: BUILD_TIMEOUT_MS });
  return join(folder, "service.wasm");
}

/**
 * Serves a component.
 * @param isolation `instance`: one request after the other, each to its end, background work included. `worker`:
 * several at once, but what is left to do when a response has ended is cut off.
 */
export async function startJco(
  component: string,
  isolation: "instance" | "worker",
  env: Record<string, string>,
): Promise<Program> {
  const port = await freePort();
  const program = await startProgram({
    command: process.execPath,
    args: [
      join(root, "test/node_modules/@bytecodealliance/jco/dist/jco.js"),
      ...["serve", "--host", "127.0.0.1", "--port", `${port}`, "--isolate-requests", isolation],
      ...(isolation === "worker" ? ["--isolate-worker-pool-size", "3"] : []),
      ...["--jco-import", join(component, "../jco-fixes.mjs")],
      component,
    ],
    // jco's server is Node's, which takes no head over 16 KB unless told to.
    env: { ...env, NODE_OPTIONS: `--max-http-header-size=${MAX_HEADER_BYTES}` },
    ready: /(Server listening) @/,
    startTimeoutMs: START_TIMEOUT_MS,
  });
  return { ...program, url: `http://127.0.0.1:${port}` };
}

/** jco can find a port by itself, but does not tell which. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** wasmtime, where it is on the machine (`WASMTIME_PATH` names one elsewhere); nothing installs it. */
export function findWasmtime(): string | null {
  const command = process.env.WASMTIME_PATH ?? "wasmtime";
  const found = spawnSync(command, ["--version"], { stdio: "ignore" });
  return found.status === 0 ? command : null;
}

/** Serves a component as it would be in production. */
export function startWasmtime(
  command: string,
  component: string,
  env: Record<string, string>,
): Promise<Program> {
  return startProgram({
    command,
    args: ["serve", "--addr", "127.0.0.1:0", "-S", "cli=y,inherit-env=y", component],
    env,
    ready: /Serving HTTP on (http:\/\/[^/\s]+)/,
    startTimeoutMs: START_TIMEOUT_MS,
  });
}
