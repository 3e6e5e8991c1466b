import { type ProcessRuntime, root, runtimes } from "./spawn.ts";
import { type CommandResult, runCommand } from "./start-program.ts";

const TIMEOUT_MS = 30_000;

/**
 * Runs `millrace` with arguments to its end.
 * @param env added to the environment of this process, without its `MILLRACE_` variables.
 * @param input standard input.
 */
export async function runCli(
  runtime: ProcessRuntime,
  args: readonly string[],
  { env = {}, input = "" }: { env?: Record<string, string>; input?: string } = {},
): Promise<Omit<CommandResult, "all">> {
  const [command, ...first] = runtimes[runtime];
  const { all: _, ...result } = await runCommand({
    command,
    args: [...first, "worker/cli/main.ts", ...args],
    cwd: root,
    env: { ...withoutSettings(), ...env },
    input,
    timeoutMs: TIMEOUT_MS,
  });
  return result;
}

/** Removes each `MILLRACE_` variable that this process has. */
export function withoutSettings(): Record<string, undefined> {
  const names = Object.keys(process.env).filter((name) => name.startsWith("MILLRACE_"));
  return Object.fromEntries(names.map((name) => [name, undefined]));
}
