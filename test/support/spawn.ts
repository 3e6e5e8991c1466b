/**
 * The project's folder, the runtimes that are plain processes, and a server on one of them.
 * @module
 */
import { fileURLToPath } from "node:url";
import { type ProgramOptions, type RunningProgram, startProgram } from "./start-program.ts";

/** The project's folder, with a slash at its end. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** The command of each runtime that runs a TypeScript file in a process. */
export const runtimes = {
  node: [`${root}node_modules/node/bin/node`],
  bun: [`${root}test/node_modules/bun/bin/bun.exe`],
  deno: [`${root}test/node_modules/deno/deno`, "run", "-A", "--unstable-kv"],
} as const satisfies Record<string, readonly string[]>;

/** The name of such a runtime. */
export type ProcessRuntime = keyof typeof runtimes;

/**
 * Runs a script on a runtime and waits for its readiness line.
 * @param maxDescriptors Maximum number of open file descriptors. Default: the limit of this process.
 * @throws {Error} with the script's output, if it ends or is not ready within 30 s.
 */
export function spawnServer(
  runtime: ProcessRuntime,
  args: readonly string[],
  env: ProgramOptions["env"] = {},
  maxDescriptors?: number,
): Promise<RunningProgram> {
  const [command, ...first] = runtimes[runtime];
  return startProgram({
    command,
    args: [...first, ...args],
    cwd: root,
    env,
    maxDescriptors,
    ready: /^millrace (?:[\w-]+ )?listening on (http:\S+)$/m,
  });
}
