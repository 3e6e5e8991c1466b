/**
 * Runs the commands of a page as its reader would, top to bottom, and compares what they say with what the page says.
 *
 * - ```` ```sh ```` is run; with the word `fails` it has to fail, with `eventually` it is run again until its output fits;
 *   with `server` it is left running until the next server begins or the page ends.
 * - The `text` block after it is its output; `…` there stands for anything within a line.
 * - The first `sh` block that only sets variables gets its values from the test.
 * - ```` ```js NAME ```` and the like, with a file's name, is written to that file.
 * - ```` ```console ```` is shown and not run: the test that runs the page lists these.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Block, readPage } from "./markdown.ts";
import { root, runtimes } from "./spawn.ts";

/** How long one block may take, and how long `eventually` may. */
const TIMEOUT_MS = 60_000;
/** How often `eventually` asks. */
const AGAIN_MS = 50;

/** Where a page is run. */
export interface GuideOptions {
  /** An empty folder. */
  folder: string;
  /** Values of the page's own variables, all of them. */
  variables?: Record<string, string>;
  /** Further environment of servers. */
  serverEnv?: Record<string, string>;
  /** Variables that follow from a server's port. */
  onServer?(port: number): Record<string, string>;
}

/** What of a page is not run. */
export interface GuideResult {
  /** How many commands ran. */
  ran: number;
  /** The `console` blocks. */
  shown: string[];
}

const ASSIGNMENT = /^([A-Z_]+)=\S*( +#.*)?$/;

/** The Node, Bun, Deno and millrace of this checkout, for a shell's PATH. */
function programs(folder: string): string {
  const bin = join(folder, ".bin");
  mkdirSync(bin);
  for (const [name, [program]] of Object.entries(runtimes)) symlinkSync(program, join(bin, name));
  const cli = join(root, "worker/cli/main.ts");
  writeFileSync(join(bin, "millrace"), `#!/bin/sh\nexec node "${cli}" "$@"\n`, { mode: 0o755 });
  return bin;
}

/** @throws {Error} naming the line of the first block that does not do what the page says. */
export async function runGuide(markdown: string, options: GuideOptions): Promise<GuideResult> {
  const { folder, variables = {}, serverEnv = {}, onServer = () => ({}) } = options;
  const { blocks } = readPage(markdown);
  const result: GuideResult = { ran: 0, shown: [] };
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("MILLRACE_"));
  const path = `${programs(folder)}${delimiter}${process.env.PATH}`;
  const shellEnv = { ...Object.fromEntries(inherited), PATH: path };
  let known: Record<string, string> | null = Object.keys(variables).length === 0 ? {} : null;
  let server: Server | null = null;

  async function run(block: Block, expected: string | null): Promise<void> {
    const deadline = Date.now() + TIMEOUT_MS;
    for (;;) {
      const { code, output } = await shell(block.text, folder, shellEnv, known ?? {});
      const failed = code !== 0;
      const fits = failed === (block.info === "fails") && (expected === null || isLike(expected, output));
      if (fits) return;
      if (block.info !== "eventually" || Date.now() > deadline) {
        throw new Error(
          `line ${block.line}: ended with ${code} and said\n${output}\nexpected\n${expected ?? ""}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
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
        await server?.stop();
        server = await startServer(text, folder, { ...shellEnv, ...known, ...serverEnv });
        known = { ...known, ...onServer(server.port) };
        result.ran++;
      } else {
        if (!["", "fails", "eventually"].includes(info)) throw new Error(`line ${line}: what is "${info}"?`);
        const next = blocks[index + 1];
        await run(block, next?.language === "text" ? next.text : null);
        result.ran++;
      }
    }
  } finally {
    await server?.stop();
  }
  return result;
}

function isAssignments(text: string): boolean {
  return text
    .trim()
    .split("\n")
    .every((line) => ASSIGNMENT.test(line));
}

/** @throws {Error} if the page and the test do not speak of the same variables. */
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

/** Whether an output is as a page has it; `…` stands for anything within a line. */
export function isLike(expected: string, actual: string): boolean {
  const pattern = expected
    .trim()
    .split("…")
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join("[^\\n]*");
  return new RegExp(`^${pattern}$`).test(actual.trim());
}

/** Runs one block; variables that it sets are there for the next, but for those that are given. */
async function shell(text: string, cwd: string, env: NodeJS.ProcessEnv, given: Record<string, string>) {
  const known = Object.entries(given).map(([name, value]) => `${name}='${value}'\n`);
  const begin = `set -eu\n[ ! -f .state ] || . ./.state\nset -a\n${known.join("")}`;
  const script = `${begin}${text}\nset +a\nexport -p > .state\n`;
  const child = spawn("sh", ["-c", script], { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part) => {
      output += part;
    });
  }
  const timer = setTimeout(() => kill(child), TIMEOUT_MS);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  clearTimeout(timer);
  return { code, output };
}

interface Server {
  port: number;
  stop(): Promise<void>;
}

async function startServer(text: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Server> {
  const child = spawn("sh", ["-c", text], { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const closed = new Promise<void>((resolve) => child.on("close", () => resolve()));
  let output = "";
  const port = await new Promise<number>((resolve, reject) => {
    const give = (why: string) => reject(new Error(`${text.trim()} ${why}\n${output}`));
    const timer = setTimeout(() => {
      kill(child);
      give("was not ready in time");
    }, TIMEOUT_MS);
    const read = (part: string) => {
      output += part;
      const found = /listening on (?:port |http:\/\/\S+?:)(\d+)/i.exec(output)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(Number(found));
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", read);
    child.on("error", (error) => give(error.message));
    child.on("close", (code) => {
      clearTimeout(timer);
      give(`ended with ${code}`);
    });
  });
  return {
    port,
    async stop() {
      kill(child);
      await closed;
    },
  };
}

/** Ends a shell and all that it started: it leads a process group of its own. */
function kill({ pid }: ChildProcess): void {
  try {
    process.kill(-pid!, "SIGKILL");
  } catch {
    // all of it has ended
  }
}
