/**
 * Starts programs for tests and tools: bounded in time, in a process group of their own, and ended with all that they
 * started.
 * @module
 */
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { onExit } from "signal-exit";

/** Default of {@link ProgramOptions.startTimeoutMs}. */
const START_TIMEOUT_MS = 30_000;
/** Default of {@link ProgramOptions.stopTimeoutMs}. */
const STOP_TIMEOUT_MS = 15_000;
/** Default of {@link CommandOptions.timeoutMs}. */
const COMMAND_TIMEOUT_MS = 60_000;
/** How often a `ready` function is called, in milliseconds. */
const POLL_MS = 20;

/** A command line and where it runs. */
export interface CommandLine {
  command: string;
  args?: readonly string[];
  /** Default: the folder of this process. */
  cwd?: string;
  /** Added to the environment of this process; `undefined` removes a variable. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Maximum number of open file descriptors. Default: the limit of this process. */
  maxDescriptors?: number;
}

/** A program to start, and how to see that it is ready. */
export interface ProgramOptions extends CommandLine {
  /** Matches the output of a ready program; its first group becomes `url`. Or a function that returns true. */
  ready: RegExp | (() => boolean | Promise<boolean>);
  /** Default: 30,000. */
  startTimeoutMs?: number;
  /** Called with each line of standard error. */
  onLogLine?: (line: string) => void;
  /** Time from the signal of `stop` to SIGKILL. Default: 15,000. */
  stopTimeoutMs?: number;
}

/** How a program ended. */
export interface Exit {
  /** `null` if a signal ended it. */
  code: number | null;
  signal: string | null;
}

/** A program that is ready. */
export interface RunningProgram {
  /** The first group of `ready`; empty if there is none. */
  readonly url: string;
  readonly pid: number;
  /** Resolves when the program has ended and its output was read. */
  readonly ended: Promise<Exit>;
  /** Whether it has ended. */
  hasEnded(): boolean;
  /** Standard output so far. */
  output(): string;
  /** Standard error so far. */
  log(): string;
  /** Standard output and standard error so far, in the order of their arrival. */
  all(): string;
  /** Sends a signal to the program alone; does nothing after its end. */
  kill(signal: NodeJS.Signals): void;
  /**
   * Sends a signal to the program and its children, and waits for the end of the program.
   * @param signal Default: SIGTERM.
   * @returns the exit code; `null` after a signal.
   */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** A command that runs to its end. */
export interface CommandOptions extends CommandLine {
  /** Standard input. Default: empty. */
  input?: string;
  /** Default: 60,000. The command is killed then. */
  timeoutMs?: number;
}

/** What a command returned. */
export interface CommandResult {
  /** `null` if a signal or the timeout ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
  /** Standard output and standard error, in the order of their arrival. */
  all: string;
}

/**
 * Starts a program and waits until it is ready.
 * @throws {Error} with the command and its output, if the program ends or the timeout passes first.
 */
export async function startProgram(options: ProgramOptions): Promise<RunningProgram> {
  const { ready, startTimeoutMs = START_TIMEOUT_MS, stopTimeoutMs = STOP_TIMEOUT_MS } = options;
  const program = launch(options);
  if (options.onLogLine !== undefined) {
    createInterface({ input: program.stderr }).on("line", options.onLogLine);
  }
  const isReady = typeof ready === "function" ? ready : () => program.find(ready) !== null;
  const outcome = await Promise.race([
    program.ended.then(howItEnded),
    poll(isReady, program, startTimeoutMs),
  ]);
  if (outcome !== null) {
    program.killGroup("SIGKILL");
    await program.ended;
    throw new Error(
      `Cannot start ${program.commandLine}: ${program.failure() ?? outcome}\n${program.all()}`.trimEnd(),
    );
  }
  return {
    url: (typeof ready === "function" ? null : program.find(ready))?.[1] ?? "",
    pid: program.pid,
    ended: program.ended,
    hasEnded: program.hasEnded,
    output: program.output,
    log: program.log,
    all: program.all,
    kill: program.kill,
    async stop(signal = "SIGTERM") {
      program.killGroup(signal);
      const timer = setTimeout(() => program.killGroup("SIGKILL"), stopTimeoutMs);
      const { code } = await program.ended;
      clearTimeout(timer);
      return code;
    },
  };
}

/**
 * Runs a command to its end.
 * @throws {Error} if the command cannot start.
 */
export async function runCommand(options: CommandOptions): Promise<CommandResult> {
  const program = launch(options);
  const timer = setTimeout(() => program.killGroup("SIGKILL"), options.timeoutMs ?? COMMAND_TIMEOUT_MS);
  const { code } = await program.ended;
  clearTimeout(timer);
  const failure = program.failure();
  if (failure !== null) throw new Error(`Cannot start ${program.commandLine}: ${failure}`);
  return { code, stdout: program.output(), stderr: program.log(), all: program.all() };
}

const howItEnded = ({ signal, code }: Exit) => `it ended with ${signal ?? code}`;

/** Waits until a program is ready. @returns `null`, or the reason why it is not. */
async function poll(
  isReady: () => boolean | Promise<boolean>,
  { hasEnded, ended }: { hasEnded(): boolean; ended: Promise<Exit> },
  timeoutMs: number,
): Promise<string | null> {
  const deadline = performance.now() + timeoutMs;
  try {
    while (!(await isReady())) {
      // How it ended is known when its output was read.
      if (hasEnded()) return howItEnded(await ended);
      if (performance.now() > deadline) return `it was not ready within ${timeoutMs / 1000} s`;
      await sleep(POLL_MS);
    }
    return null;
  } catch (error) {
    return String(error);
  }
}

/** A process in a group of its own, with its output. */
function launch({ command, args = [], cwd, env, maxDescriptors, input }: CommandOptions) {
  const limited = ["-c", `ulimit -n ${maxDescriptors} && exec "$@"`, "sh", command, ...args];
  const child = execa(
    maxDescriptors === undefined ? command : "sh",
    maxDescriptors === undefined ? args : limited,
    {
      cwd,
      env,
      ...(input === undefined ? { stdin: "ignore" as const } : { input }),
      buffer: false,
      reject: false,
      detached: true,
    },
  );
  const texts = { output: "", log: "", all: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    texts.output += text;
    texts.all += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    texts.log += text;
    texts.all += text;
  });
  const hasEnded = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  const killGroup = (signal: NodeJS.Signals) => {
    try {
      process.kill(-child.pid!, signal);
    } catch {
      // The group has ended.
    }
  };
  const forget = onExit(() => killGroup("SIGKILL"));
  // A child that outlives the program would hold its output open.
  child.once("exit", () => killGroup("SIGKILL"));
  let failure: string | null = null;
  const ended = child.then(({ exitCode, signal, originalMessage }): Exit => {
    forget();
    if (child.pid === undefined) failure = originalMessage ?? "unknown reason";
    return { code: exitCode ?? null, signal: signal ?? null };
  });
  return {
    pid: child.pid!,
    stderr: child.stderr,
    commandLine: [command, ...args].join(" "),
    ended,
    hasEnded,
    /** Why the process could not start; `null` if it could. */
    failure: () => failure,
    output: () => texts.output,
    log: () => texts.log,
    all: () => texts.all,
    find: (pattern: RegExp) => pattern.exec(texts.output) ?? pattern.exec(texts.log),
    kill: (signal: NodeJS.Signals) => void (hasEnded() || child.kill(signal)),
    killGroup,
  };
}
