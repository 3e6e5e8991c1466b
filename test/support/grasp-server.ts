/**
 * GRASP as `millrace serve` runs it, in a folder of its own, and a Git client for it.
 * @module
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import type { NostrEvent } from "../../runtime/grasp/events/event.ts";
import { toNpub } from "../../runtime/grasp/npub.ts";
import type { Author } from "./nostr.ts";
import { type ProcessRuntime, spawnServer } from "./spawn.ts";
import type { RunningProgram } from "./start-program.ts";

/** The name under which the servers of the tests are known. */
export const HOST = "git.example";
export const MAIN = "refs/heads/main";
/** The answer to an event that waits. */
export const PURGATORY = "purgatory: won't be served until git data arrives";

/** A running server. */
export interface GraspServer {
  /** Its address, such as `http://127.0.0.1:40123`. Another one after {@link GraspServer.restart}. */
  readonly url: string;
  /** A folder of the test's own. The server's data are in `data` below it. */
  readonly folder: string;
  readonly program: RunningProgram;
  /** The address of a repository on this server. */
  repository(owner: Author, identifier?: string): string;
  /** Ends the process and starts it again on the same data. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  /** Ends the process and deletes the folder. */
  stop(): Promise<void>;
}

/**
 * @param section fields of the section `grasp` beside domain, port and folder
 * @param shared the shared sections
 * @param env added to the environment
 */
export async function graspServer(
  runtime: ProcessRuntime,
  section: Record<string, unknown> = {},
  shared: Record<string, unknown> = {},
  env: Record<string, string> = {},
): Promise<GraspServer> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-grasp-"));
  const grasp = {
    domain: HOST,
    listen: { port: 0 },
    dataDirectory: join(folder, "data"),
    // What a test publishes may name any relay, and no test reaches beyond this machine.
    sync: { enabled: false },
    ...section,
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...shared, grasp }));
  const start = () =>
    spawnServer(runtime, ["worker/cli/main.ts", "serve", "--config", join(folder, "config.json")], env);
  let program = await start();
  return {
    folder,
    get url() {
      return program.url;
    },
    get program() {
      return program;
    },
    repository: (owner, identifier = "repo") =>
      `${program.url}/${toNpub(owner.key)}/${encodeURIComponent(identifier)}.git`,
    async restart(signal) {
      await program.stop(signal);
      program = await start();
    },
    async stop() {
      await program.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Runs Git as a user would, with nothing of this machine's configuration. Its exit code, and all that the terminal shows. */
export async function runGitClient(
  cwd: string,
  ...args: string[]
): Promise<{ code: number; output: string }> {
  const env = {
    PATH: process.env.PATH,
    HOME: cwd,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    LC_ALL: "C",
  };
  try {
    const { stdout, stderr } = await promisify(execFile)("git", args, {
      cwd,
      timeout: 60_000,
      maxBuffer: 16 * 1024 ** 2,
      env,
    });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: stdout + stderr };
  }
}

/** An announcement that lists {@link HOST}. */
export function announcementBy(
  owner: Author,
  identifier = "repo",
  more: string[][] = [],
  at?: number,
): NostrEvent {
  const path = `${toNpub(owner.key)}/${encodeURIComponent(identifier)}.git`;
  const tags = [
    ["d", identifier],
    ["clone", `https://${HOST}/${path}`],
    ["relays", `wss://${HOST}`],
    ...more,
  ];
  return owner.sign(30617, tags, "", at);
}

/** A state with these refs, whose `HEAD` is `main`. */
export function stateBy(
  author: Author,
  refs: Readonly<Record<string, string>>,
  identifier = "repo",
  at?: number,
): NostrEvent {
  return author.sign(30618, [["d", identifier], ...Object.entries(refs), ["HEAD", `ref: ${MAIN}`]], "", at);
}
