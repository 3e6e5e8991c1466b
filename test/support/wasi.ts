/**
 * A service on WASI HTTP as it runs on a developer's machine: built as a component with the starter's own build, served
 * by jco.
 * @module
 */
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import getPort from "get-port";
import { MAX_HEADER_BYTES } from "../../worker/http/proxy/clocks.ts";
import { findProgram } from "./find-program.ts";
import { root } from "./spawn.ts";
import { type RunningProgram, startProgram } from "./start-program.ts";

const BUILD_TIMEOUT_MS = 180_000;
const START_TIMEOUT_MS = 60_000;

/**
 * Makes a component.
 * @param entry the entry's JavaScript.
 * @param folder a folder for intermediate files.
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
 * @param isolation `instance`: one request after the other, background work included. `worker`: several at once, without
 * the work after a response.
 */
export async function startJco(
  component: string,
  isolation: "instance" | "worker",
  env: Record<string, string>,
): Promise<RunningProgram> {
  // jco does not print a port that it chose.
  const port = await getPort({ host: "127.0.0.1" });
  const program = await startProgram({
    command: process.execPath,
    args: [
      join(root, "test/node_modules/@bytecodealliance/jco/dist/jco.js"),
      ...["serve", "--host", "127.0.0.1", "--port", `${port}`, "--isolate-requests", isolation],
      ...(isolation === "worker" ? ["--isolate-worker-pool-size", "3"] : []),
      ...["--jco-import", join(component, "../jco-fixes.mjs")],
      component,
    ],
    // jco's server is Node's, with a limit of 16 KB for a request's head.
    env: { ...env, NODE_OPTIONS: `--max-http-header-size=${MAX_HEADER_BYTES}` },
    ready: /(Server listening) @/,
    startTimeoutMs: START_TIMEOUT_MS,
  });
  // The log of the component may be on standard output.
  return { ...program, log: program.all, url: `http://127.0.0.1:${port}` };
}

/** Finds wasmtime (`WASMTIME_PATH` names another file); nothing installs it. */
export function findWasmtime(): string | null {
  return findProgram("wasmtime", "WASMTIME_PATH");
}

/** Serves a component with wasmtime. */
export async function startWasmtime(
  command: string,
  component: string,
  env: Record<string, string>,
): Promise<RunningProgram> {
  const program = await startProgram({
    command,
    args: ["serve", "--addr", "127.0.0.1:0", "-S", "cli=y,inherit-env=y", component],
    env,
    ready: /Serving HTTP on (http:\/\/[^/\s]+)/,
    startTimeoutMs: START_TIMEOUT_MS,
  });
  return { ...program, log: program.all };
}
