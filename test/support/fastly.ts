/**
 * A service on Fastly Compute as it runs on a developer's machine: compiled by Fastly's compiler, served by Viceroy.
 * @module
 */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { findViceroy } from "../../scripts/viceroy.ts";
import { bundle } from "./bundle.ts";
import { type Program, startProgram } from "./program.ts";
import { root } from "./spawn.ts";

const COMPILE_TIMEOUT_MS = 120_000;
/** Viceroy compiles the whole JavaScript engine before it listens. */
const START_TIMEOUT_MS = 120_000;

/** A service, as text. */
export interface FastlySource {
  /** The entry's TypeScript. */
  entry: string;
  /** A folder for what is made on the way. */
  folder: string;
}

/** What came of a compilation. */
export interface FastlyBuild {
  wasm: string;
  /** The JavaScript that went in. */
  bundle: Awaited<ReturnType<typeof bundle>>;
}

/** Bundles and compiles a service. */
export async function buildFastly({ entry, folder }: FastlySource): Promise<FastlyBuild> {
  const bundled = await bundle({
    entry: "virtual:entry",
    platform: "fastly",
    virtual: { "virtual:entry": entry },
  });
  const script = join(folder, "index.js");
  const wasm = join(folder, "main.wasm");
  writeFileSync(script, bundled.code);
  const compiler = join(root, "test/node_modules/@fastly/js-compute/dist/cli/js-compute-runtime-cli.js");
  await promisify(execFile)(process.execPath, [compiler, script, wasm], {
    cwd: folder,
    timeout: COMPILE_TIMEOUT_MS,
  });
  return { wasm, bundle: bundled };
}

/**
 * Serves a compiled service.
 * @param manifest what its `fastly.toml` says under `local_server`.
 */
export function startViceroy(wasm: string, folder: string, manifest: string): Promise<Program> {
  const viceroy = findViceroy();
  if (viceroy === null)
    throw new Error("viceroy is not on this machine; node scripts/viceroy.ts installs it");
  const config = join(folder, "fastly.toml");
  writeFileSync(config, `manifest_version = 3\nname = "test"\nlanguage = "javascript"\n${manifest}`);
  return startProgram({
    command: viceroy,
    args: ["serve", wasm, "-C", config, "--addr", "127.0.0.1:0", "-v"],
    cwd: folder,
    // Viceroy looks whether a key is there and then adds it, without holding its lock in between, so that two threads can
    // both add one. Fastly's own KV stores cannot; one thread makes Viceroy like them.
    env: { TOKIO_WORKER_THREADS: "1" },
    ready: /Listening on (http:\S+)/,
    startTimeoutMs: START_TIMEOUT_MS,
  });
}
