import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** How long a program may take to end when told to, in milliseconds. */
const STOP_TIMEOUT_MS = 10_000;

/** A server program, and how to tell that it listens. */
export interface ProgramOptions {
  command: string;
  args: readonly string[];
  cwd?: string;
  env?: Record<string, string>;
  /** Matches what it writes once it listens; the first group is its URL. */
  ready: RegExp;
  /** How long that may take, in milliseconds; some compile first. */
  startTimeoutMs: number;
}

/** A program that listens. */
export interface Program {
  url: string;
  /** Everything that it wrote so far. */
  log(): string;
  /** Ends it and all that it started. */
  stop(): Promise<void>;
}

/**
 * Starts a program in a process group of its own and waits until it listens.
 * @throws {Error} with what it wrote, if it ends or takes too long instead.
 */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { command, args, cwd, env, ready, startTimeoutMs } = options;
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let log = "";
  // It has ended when all that it wrote was read.
  const ended = once(child, "close");
  const url = await new Promise<string>((resolve, reject) => {
    const give = (why: string) => reject(new Error(`${command} ${args.join(" ")} ${why}\n${log}`));
    const timer = setTimeout(() => {
      kill(child, "SIGKILL");
      give("was not ready in time");
    }, startTimeoutMs);
    child.on("error", (error) => give(error.message));
    child.on("exit", (code) => {
      clearTimeout(timer);
      give(`ended with ${code}`);
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        log += text;
        const match = ready.exec(log);
        if (match === null) return;
        clearTimeout(timer);
        resolve(match[1]!);
      });
    }
  });
  return {
    url,
    log: () => log,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        kill(child, "SIGTERM");
        const timer = setTimeout(() => kill(child, "SIGKILL"), STOP_TIMEOUT_MS);
        await ended;
        clearTimeout(timer);
      }
    },
  };
}

/** Signals the program and its children. */
function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-child.pid!, signal);
  } catch {
    // it has gone by itself
  }
}
