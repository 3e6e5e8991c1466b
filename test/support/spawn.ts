import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** The runtimes that are plain processes, and how each runs a TypeScript file. */
export const runtimes = {
  node: [`${root}node_modules/node/bin/node`],
  bun: [`${root}test/node_modules/bun/bin/bun.exe`],
  deno: [`${root}test/node_modules/deno/deno`, "run", "-A", "--unstable-kv"],
} as const satisfies Record<string, readonly string[]>;

export type ProcessRuntime = keyof typeof runtimes;

/** How long a server may take to say that it listens. */
const START_TIMEOUT_MS = 30_000;
/** How long a server may take to end when told to. */
const STOP_TIMEOUT_MS = 15_000;

/** A server in a process of its own. */
export interface Spawned {
  url: string;
  process: ChildProcess;
  /** Everything that it wrote to standard error so far. */
  log(): string;
  /** Everything that it wrote to standard output so far. */
  output(): string;
  /** Ends it with a signal (default SIGTERM). Returns the exit code, `null` after SIGKILL. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/**
 * Runs a script on a runtime and waits for its readiness line.
 * @param descriptors how many descriptors the process may have at most; left out: as many as the tests'
 * @throws {Error} with what the script wrote, if it ends or takes too long instead.
 */
export async function spawnServer(
  runtime: ProcessRuntime,
  args: readonly string[],
  env: Record<string, string> = {},
  descriptors?: number,
): Promise<Spawned> {
  const whole = [...runtimes[runtime], ...args];
  const limited = ["sh", "-c", `ulimit -n ${descriptors} && exec "$@"`, "sh", ...whole];
  const [command, ...rest] = descriptors === undefined ? whole : limited;
  const child = spawn(command!, rest, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let log = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    log += text;
  });
  // It has ended when all that it wrote was read.
  const ended = once(child, "close");
  const url = await new Promise<string>((resolve, reject) => {
    const give = (why: string) => reject(new Error(`${runtime} ${args.join(" ")} ${why}\n${output}${log}`));
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      give("was not ready in time");
    }, START_TIMEOUT_MS);
    child.on("error", (error) => give(error.message));
    child.on("exit", (code) => {
      clearTimeout(timer);
      give(`ended with ${code}`);
    });
    child.stdout.on("data", () => {
      const match = /^millrace (?:[\w-]+ )?listening on (http:\S+)$/m.exec(output);
      if (match === null) return;
      clearTimeout(timer);
      resolve(match[1]!);
    });
  });
  return {
    url,
    process: child,
    log: () => log,
    output: () => output,
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      const [code] = await ended;
      clearTimeout(timer);
      return code;
    },
  };
}
