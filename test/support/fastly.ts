/**
 * A service on Fastly Compute as it runs on a developer's machine: compiled by Fastly's compiler, served by Viceroy.
 * @module
 */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { findViceroy } from "../../scripts/cargo-tools.ts";
import { bundle } from "./bundle.ts";
import { root } from "./spawn.ts";
import { type RunningProgram, startProgram } from "./start-program.ts";

const COMPILE_TIMEOUT_MS = 120_000;
/** Viceroy compiles the whole JavaScript engine before it listens. */
const START_TIMEOUT_MS = 120_000;

/** A service, as text. */
export interface FastlySource {
  /** The entry's TypeScript. */
  entry: string;
  /** A folder for intermediate files. */
  folder: string;
}

/** A compiled service. */
export interface FastlyBuild {
  wasm: string;
  /** The JavaScript before its compilation. */
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
 * @param manifest the `local_server` part of its `fastly.toml`.
 */
export async function startViceroy(wasm: string, folder: string, manifest: string): Promise<RunningProgram> {
  const viceroy = findViceroy();
  if (viceroy === null)
    throw new Error("Cannot start viceroy: it is not installed; node scripts/cargo-tools.ts installs it");
  const config = join(folder, "fastly.toml");
  writeFileSync(config, `manifest_version = 3\nname = "test"\nlanguage = "javascript"\n${manifest}`);
  const program = await startProgram({
    command: viceroy,
    args: ["serve", wasm, "-C", config, "--addr", "127.0.0.1:0", "-v"],
    cwd: folder,
    // Viceroy checks for a key and adds it without a lock around both, so two threads can both add it. Fastly's KV
    // stores exclude that; Viceroy does with one thread.
    env: { TOKIO_WORKER_THREADS: "1" },
    ready: /Listening on (http:\S+)/,
    startTimeoutMs: START_TIMEOUT_MS,
  });
  // The log of the component is on standard output.
  return { ...program, log: program.all };
}
