/**
 * Runs Git. It inherits nothing of this process and of the machine's configuration (O28, O29), each process has a group of its
 * own, and no text of a client is ever an argument.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { env as environment, kill as killProcess } from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Settings that every call has (O28). */
const SETTINGS = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.useReplaceRefs=false",
  "core.commitGraph=false",
  "core.fsync=objects,derived-metadata,reference",
  "gc.auto=0",
  "maintenance.auto=false",
  "transfer.hideRefs=refs/millrace",
  "pack.windowMemory=64m",
  "pack.deltaCacheSize=32m",
  "core.bigFileThreshold=16m",
].flatMap((setting) => ["-c", setting]);

/** How much of Git's messages is kept, in bytes. */
const MAX_MESSAGE_BYTES = 64 * 1024;

/** Where and how Git runs. */
export interface GitOptions {
  /** An existing, empty folder of ours (S30). */
  readonly home: string;
  /** The repository's folder. */
  readonly repository: string;
  /** Further environment variables, such as `GIT_OBJECT_DIRECTORY`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the process and its group. */
  readonly signal?: AbortSignal;
  /** Longest time, in milliseconds. Default: 30 minutes (O30). */
  readonly timeoutMs?: number;
}

/** How a Git process ended. */
export interface GitResult {
  /** The exit code; `null`: it was killed. */
  readonly code: number | null;
  readonly stdout: Buffer;
  /** The beginning of its messages, in English (O29). */
  readonly stderr: string;
}

const TIMEOUT_MS = 30 * 60_000;

/** Thrown where Git cannot be run at all. */
export class GitUnavailable extends Error {
  override readonly name = "GitUnavailable";
}

/**
 * Starts Git in a process group of its own.
 * @param args the subcommand and its arguments. Ids and names from outside go through standard input.
 */
export function startGit(args: readonly string[], { home, repository, env, signal, timeoutMs }: GitOptions) {
  const child = spawn("git", [...SETTINGS, "--git-dir", repository, ...args], {
    cwd: repository,
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    env: {
      PATH: environment.PATH,
      HOME: home,
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_NO_REPLACE_OBJECTS: "1",
      GIT_TERMINAL_PROMPT: "0",
      GIT_ASKPASS: "",
      LC_ALL: "C",
      ...env,
    },
  });
  const kill = () => {
    // The group: Git starts processes of its own.
    try {
      if (child.pid !== undefined) killProcess(-child.pid, "SIGKILL");
    } catch {
      child.kill("SIGKILL");
    }
  };
  const timer = setTimeout(kill, timeoutMs ?? TIMEOUT_MS);
  signal?.addEventListener("abort", kill, { once: true });
  const ended = once(child, "close").then(([code]) => code as number | null);
  const finished = ended.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", kill);
  });
  finished.catch(() => {});
  // A pipe that breaks ends this request only (A50).
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on("error", () => {});
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, finished, kill };
}

/** Runs Git to its end, with all of its output in memory. */
export async function runGit(
  args: readonly string[],
  options: GitOptions,
  input: AsyncIterable<Uint8Array> | Uint8Array | string = "",
): Promise<GitResult> {
  const git = startGit(args, options);
  const stdout: Buffer[] = [];
  const messages: Buffer[] = [];
  let messageBytes = 0;
  git.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  git.stderr.on("data", (chunk: Buffer) => {
    if (messageBytes < MAX_MESSAGE_BYTES) messages.push(chunk);
    messageBytes += chunk.length;
  });
  const isWhole = typeof input === "string" || input instanceof Uint8Array;
  if (isWhole) git.stdin.end(input);
  else {
    // Git may end before it has read everything; its exit code says why.
    await pipeline(Readable.from(input, { objectMode: false }), git.stdin).catch(() => git.stdin.destroy());
  }
  let code: number | null;
  try {
    code = await git.finished;
  } catch (cause) {
    throw new GitUnavailable("git cannot be started", { cause });
  }
  return {
    code,
    stdout: Buffer.concat(stdout),
    stderr: Buffer.concat(messages).toString("utf8", 0, MAX_MESSAGE_BYTES),
  };
}
