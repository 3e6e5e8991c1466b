/**
 * Runs the commands of a page like its reader, top to bottom, and compares their output with the page.
 *
 * - ```` ```sh ```` runs. With the word `fails` it must fail; with `eventually` it runs until its output fits; with
 *   `server` it keeps running until the next server starts or the page ends.
 * - The `text` block after it is its output; `…` matches anything within a line.
 * - The first `sh` block that only sets variables gets its values from the test.
 * - ```` ```js NAME ````, or another language with a file's name, is written to that file.
 * - ```` ```console ```` does not run; the result lists these blocks.
 * @module
 */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Block, readPage } from "./markdown.ts";
import { withoutSettings } from "./run-cli.ts";
import { root, runtimes } from "./spawn.ts";
import {
  type CommandResult,
  type ProgramOptions,
  type RunningProgram,
  runCommand,
  startProgram,
} from "./start-program.ts";

type Environment = ProgramOptions["env"];

/** Timeout of one block, and of `eventually`, in milliseconds. */
const TIMEOUT_MS = 60_000;
/** Interval of `eventually`, in milliseconds. */
const RETRY_MS = 50;

/** How to run a page. */
export interface GuideOptions {
  /** An empty folder. */
  folder: string;
  /** Values of all variables of the page. */
  variables?: Record<string, string>;
  /** Environment of servers, added to that of the shell. */
  serverEnv?: Record<string, string>;
  /** Returns further variables for a server's port. */
  onServer?(port: number): Record<string, string>;
}

/** Which blocks ran. */
export interface GuideResult {
  /** Number of commands that ran. */
  ran: number;
  /** The `console` blocks. */
  shown: string[];
}

const ASSIGNMENT = /^([A-Z_]+)=\S*( +#.*)?$/;

/** Makes a folder for PATH with the Node, Bun, Deno and millrace of this checkout. */
function programs(folder: string): string {
  const bin = join(folder, ".bin");
  mkdirSync(bin);
  for (const [name, [program]] of Object.entries(runtimes)) symlinkSync(program, join(bin, name));
  const cli = join(root, "worker/cli/main.ts");
  writeFileSync(join(bin, "millrace"), `#!/bin/sh\nexec node "${cli}" "$@"\n`, { mode: 0o755 });
  return bin;
}

/** @throws {Error} with the line of the first block whose result differs from the page. */
export async function runGuide(markdown: string, options: GuideOptions): Promise<GuideResult> {
  const { folder, variables = {}, serverEnv = {}, onServer = () => ({}) } = options;
  const { blocks } = readPage(markdown);
  const result: GuideResult = { ran: 0, shown: [] };
  const path = `${programs(folder)}${delimiter}${process.env.PATH}`;
  const shellEnv = { ...withoutSettings(), PATH: path };
  let known: Record<string, string> | null = Object.keys(variables).length === 0 ? {} : null;
  let server: RunningProgram | null = null;

  async function run(block: Block, expected: string | null): Promise<void> {
    const deadline = Date.now() + TIMEOUT_MS;
    for (;;) {
      const { code, all: output } = await shell(block.text, folder, shellEnv, known ?? {});
      const failed = code !== 0;
      const fits = failed === (block.info === "fails") && (expected === null || isLike(expected, output));
      if (fits) return;
      if (block.info !== "eventually" || Date.now() > deadline) {
        throw new Error(
          `line ${block.line}: exit code ${code}, output\n${output}\nexpected\n${expected ?? ""}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  try {
    for (const [index, block] of blocks.entries()) {
      const { language, info, text, line } = block;
      if (language === "console") result.shown.push(text.trim());
      else if (language !== "sh") {
        if (info !== "") writeFileSync(join(folder, info), text);
      } else if (known === null && isAssignments(text)) {
        known = valuesFor(text, variables);
      } else if (info === "server") {
        await server?.stop("SIGKILL");
        server = await startServer(text, folder, { ...shellEnv, ...known, ...serverEnv });
        known = { ...known, ...onServer(Number(server.url)) };
        result.ran++;
      } else {
        if (!["", "fails", "eventually"].includes(info))
          throw new Error(`Cannot run line ${line}: unknown word "${info}"`);
        const next = blocks[index + 1];
        await run(block, next?.language === "text" ? next.text : null);
        result.ran++;
      }
    }
  } finally {
    await server?.stop("SIGKILL");
  }
  return result;
}

function isAssignments(text: string): boolean {
  return text
    .trim()
    .split("\n")
    .every((line) => ASSIGNMENT.test(line));
}

/** @throws {Error} if the variables of the page and of the test differ. */
function valuesFor(text: string, variables: Record<string, string>): Record<string, string> {
  const names = text
    .trim()
    .split("\n")
    .map((line) => ASSIGNMENT.exec(line)![1]!);
  const other = [...names, ...Object.keys(variables)].find(
    (name) => !names.includes(name) || !Object.hasOwn(variables, name),
  );
  if (other !== undefined) throw new Error(`the variable ${other} is only on the page or only in the test`);
  return variables;
}

/** Whether an output matches the page; `…` matches anything within a line. */
export function isLike(expected: string, actual: string): boolean {
  const pattern = expected
    .trim()
    .split("…")
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join("[^\\n]*");
  return new RegExp(`^${pattern}$`).test(actual.trim());
}

/** Runs one block. Variables that it sets stay set for the next one, except those with a given value. */
async function shell(
  text: string,
  cwd: string,
  env: Environment,
  given: Record<string, string>,
): Promise<CommandResult> {
  const known = Object.entries(given).map(([name, value]) => `${name}='${value}'\n`);
  const begin = `set -eu\n[ ! -f .state ] || . ./.state\nset -a\n${known.join("")}`;
  const script = `${begin}${text}\nset +a\nexport -p > .state\n`;
  return runCommand({ command: "sh", args: ["-c", script], cwd, env, timeoutMs: TIMEOUT_MS });
}

function startServer(text: string, cwd: string, env: Environment): Promise<RunningProgram> {
  return startProgram({
    command: "sh",
    args: ["-c", text],
    cwd,
    env,
    ready: /listening on (?:port |http:\/\/\S+?:)(\d+)/i,
    startTimeoutMs: TIMEOUT_MS,
  });
}
