import { spawn } from "node:child_process";
import { type ProcessRuntime, root, runtimes } from "./spawn.ts";

/** How long a command may take. */
const TIMEOUT_MS = 30_000;

/** What came of a command. */
export interface Ended {
  /** `null` if it had to be killed. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs `millrace` with arguments to its end.
 * @param env beside what this process has, except its own `MILLRACE_` variables.
 * @param input its standard input.
 * @param main the script with the command line.
 */
export async function runCli(
  runtime: ProcessRuntime,
  args: readonly string[],
  {
    env = {},
    input = "",
    main = "worker/cli/main.ts",
  }: { env?: Record<string, string>; input?: string; main?: string } = {},
): Promise<Ended> {
  const [command, ...first] = runtimes[runtime];
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("MILLRACE_"));
  const child = spawn(command, [...first, main, ...args], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: "pipe",
  });
  const ended: Ended = { code: null, stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => {
    ended.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    ended.stderr += text;
  });
  // A command that does not read may have ended before the input was written.
  child.stdin.on("error", () => {}).end(input);
  const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ ...ended, code });
    });
  });
}
