/**
 * Git as a person runs it in a terminal, with nothing of this machine's configuration.
 * @module
 */
import { spawn } from "node:child_process";
import { env as environment } from "node:process";

/** Longest time of one command, in milliseconds. */
const TIMEOUT_MS = 60_000;

/** One command and what the terminal showed. */
export interface Shown {
  /** Who typed it. */
  readonly who: string;
  /** The command line, as it was typed. */
  readonly command: string;
  /** Standard output and standard error in the order of their arrival. */
  readonly output: string;
  /** The exit code; `null`: it was ended. */
  readonly code: number | null;
}

/** Somebody's computer: a folder, and a name for commits. */
export interface Person {
  readonly name: string;
  /** The folder in which commands run. */
  readonly folder: string;
}

/**
 * Runs `git`.
 * @param home an empty folder
 * @throws {Error} if Git cannot be started
 */
export async function git(home: string, { name, folder }: Person, ...args: string[]): Promise<Shown> {
  const email = `${name.toLowerCase()}@example.com`;
  const child = spawn("git", args, {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: TIMEOUT_MS,
    env: {
      PATH: environment.PATH,
      HOME: home,
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_TERMINAL_PROMPT: "0",
      GIT_AUTHOR_NAME: name,
      GIT_AUTHOR_EMAIL: email,
      GIT_COMMITTER_NAME: name,
      GIT_COMMITTER_EMAIL: email,
      LC_ALL: "C",
    },
  });
  const chunks: Buffer[] = [];
  for (const pipe of [child.stdout, child.stderr]) pipe.on("data", (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const output = Buffer.concat(chunks).toString("utf8");
  return { who: name, command: ["git", ...args].join(" "), output: tidy(output), code };
}

/** The same for what must succeed. @returns its output. @throws {Error} with the output if it fails */
export async function mustGit(home: string, person: Person, ...args: string[]): Promise<string> {
  const { command, output, code } = await git(home, person, ...args);
  if (code !== 0) throw new Error(`${command} failed: ${output}`);
  return output;
}

/** Without the blanks with which Git fills the lines of a server. */
function tidy(output: string): string {
  return output
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
    .trim();
}
