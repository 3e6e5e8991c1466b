/**
 * Which Git this machine has (O2).
 * @module
 */
import { execFile } from "node:child_process";
import { env } from "node:process";
import { promisify } from "node:util";
import { isAtLeast } from "../../../runtime/lib/version.ts";
import { StartError } from "../../serve/start-error.ts";

/** The oldest Git with `http.curloptResolve`. */
const OLDEST = "2.37";
const TIMEOUT_MS = 10_000;

/**
 * The version of system Git, such as `2.39.5`.
 * @throws {StartError} if there is none, or one that is too old.
 */
export async function gitVersion(): Promise<string> {
  const version = await askGitVersion();
  if (isAtLeast(version, OLDEST)) return version;
  throw new StartError(`Git ${OLDEST} or newer is needed; this machine has Git ${version}`);
}

/**
 * Asks Git for its version.
 * @throws {StartError} if Git cannot be run.
 */
export async function askGitVersion(): Promise<string> {
  let stdout: string;
  try {
    ({ stdout } = await promisify(execFile)("git", ["--version"], {
      env: { PATH: env.PATH, LC_ALL: "C" },
      timeout: TIMEOUT_MS,
    }));
  } catch (cause) {
    throw new StartError(
      `Git ${OLDEST} or newer is needed, and git cannot be run: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
  const version = /^git version (\d+(?:\.\d+)*)/.exec(stdout)?.[1];
  if (version === undefined) throw new StartError("git --version names no version");
  return version;
}
