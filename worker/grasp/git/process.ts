/**
 * Runs Git. It inherits nothing of this process and of the machine's configuration (O28, O29), each process has a group of its
 * own, and no text of a client is ever an argument.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants, setPriority } from "node:os";
import { env as environment, kill as killProcess } from "node:process";
import type { Writable } from "node:stream";
import { free } from "./free.ts";

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
  // The data directory may belong to another user, such as a volume of a container (O29). Git sees its repositories as `.`.
  "safe.directory=*",
  "pack.windowMemory=64m",
  "pack.deltaCacheSize=32m",
  "core.bigFileThreshold=16m",
].flatMap((setting) => ["-c", setting]);

/**
 * Limits of the process and each of its children (O30): 1 GiB of data memory and 30 minutes of processor time, where the system
 * has them. The shell becomes Git; its words are ours, and Git's arguments are its parameters.
 */
const LIMITED = ["-c", 'ulimit -d 1048576; ulimit -t 1800; exec git "$@"', "git"];

/** The shell's exit code for a program that is not there. */
const NOT_FOUND = 127;
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
  /** Whether it runs at the lowest priority (O22). */
  readonly isIdle?: boolean;
}

/** How a Git process ended. */
export interface GitResult {
  /** The exit code; `null`: it was killed. */
  readonly code: number | null;
  /** Whether it was killed because it took too long. */
  readonly isLate: boolean;
  readonly stdout: Buffer;
  /** The beginning of its messages, in English (O29). */
  readonly stderr: string;
}

const TIMEOUT_MS = 30 * 60_000;

/** Thrown where Git cannot be run at all. */
export class GitUnavailable extends Error {
  override readonly name = "GitUnavailable";
}

/** Thrown where Git ended without an answer: no answer is not "no". */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";

  constructor(subcommand: string, { code, stderr }: Pick<GitResult, "code" | "stderr">) {
    super(
      `git ${subcommand} ${code === null ? "was killed" : `ended with ${code}`}: ${stderr.slice(0, 500)}`,
    );
  }
}

/**
 * Starts Git in a process group of its own.
 * @param args the subcommand and its arguments. Ids and names from outside go through standard input.
 * @throws {GitUnavailable} at once or by `finished`.
 */
export function startGit(
  args: readonly string[],
  { home, repository, env, signal, timeoutMs, isIdle = false }: GitOptions,
) {
  const child = spawn("sh", [...LIMITED, ...SETTINGS, "--git-dir", repository, ...args], {
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
  // Without free descriptors there are no pipes (T65).
  if (child.stdin == null || child.stdout == null || child.stderr == null) {
    child.on("error", () => {});
    throw new GitUnavailable("git cannot be started");
  }
  beBackground(child.pid, isIdle);
  let hasEnded = false;
  const kill = () => {
    // Its number may belong to another process by now.
    if (hasEnded) return;
    // The group: Git starts processes of its own.
    try {
      if (child.pid !== undefined) killProcess(-child.pid, "SIGKILL");
    } catch {
      child.kill("SIGKILL");
    }
    // Its output has no reader: unread bytes would keep the pipe open, and `finished` from coming.
    child.stdout.destroy();
  };
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, timeoutMs ?? TIMEOUT_MS);
  signal?.addEventListener("abort", kill, { once: true });
  if (signal?.aborted) kill();
  const ended = once(child, "close").then(
    ([code, signal]) => {
      // Its processor time is over (O30).
      if (signal === "SIGXCPU") isLate = true;
      if (code === NOT_FOUND) throw new GitUnavailable("git is not installed");
      return code as number | null;
    },
    (cause) => {
      throw new GitUnavailable("git cannot be started", { cause });
    },
  );
  const finished = ended.finally(() => {
    hasEnded = true;
    clearTimeout(timer);
    signal?.removeEventListener("abort", kill);
  });
  finished.catch(() => {});
  // A pipe that breaks ends this request only (A50).
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on("error", () => {});
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    finished,
    kill,
    isLate: () => isLate,
  };
}

/** Gives a process a lower priority than ours, so that answers do not wait for packs (O30). */
function beBackground(pid: number | undefined, isIdle: boolean): void {
  const { PRIORITY_LOW, PRIORITY_BELOW_NORMAL } = constants.priority;
  try {
    if (pid !== undefined) setPriority(pid, isIdle ? PRIORITY_LOW : PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended, or the system does not let us.
  }
}

/** Writes chunks to a pipe at its pace, and ends it. The memory of each is free as soon as the pipe has taken it. */
async function feed(chunks: AsyncIterable<Uint8Array>, pipe: Writable): Promise<void> {
  for await (const chunk of chunks) {
    // Git may end before it has read everything; its exit code says why.
    if (pipe.destroyed) return;
    if (!pipe.write(chunk, () => free(chunk))) await hasRoom(pipe);
  }
  pipe.end();
}

/** Waits until a pipe takes more, or is closed. */
function hasRoom(pipe: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      pipe.off("drain", done);
      pipe.off("close", done);
      resolve();
    };
    pipe.on("drain", done);
    pipe.on("close", done);
    if (pipe.destroyed) done();
  });
}

/** Runs Git to its end, with all of its output in memory. @throws {GitUnavailable} */
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
    let hasBrokenOff = false;
    async function* watched(chunks: AsyncIterable<Uint8Array>) {
      try {
        yield* chunks;
      } catch (error) {
        hasBrokenOff = true;
        throw error;
      }
    }
    await feed(watched(input), git.stdin).catch(() => git.stdin.destroy());
    // The client is gone: so are Git and its children (G19).
    if (hasBrokenOff) git.kill();
  }
  return {
    code: await git.finished,
    isLate: git.isLate(),
    stdout: Buffer.concat(stdout),
    stderr: Buffer.concat(messages).toString("utf8", 0, MAX_MESSAGE_BYTES),
  };
}
