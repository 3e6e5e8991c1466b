/**
 * A `git` that writes down how it is called, and then is Git.
 * @module
 */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { findProgram } from "./find-program.ts";

/** One call. */
export interface GitCall {
  readonly args: string[];
  readonly env: Record<string, string>;
}

/**
 * Puts itself before Git in this process's path.
 * @param folder an existing folder of the test's own
 * @returns the calls so far, and a function that ends it
 */
export function recordGit(folder: string): { calls(): GitCall[]; stop(): void } {
  const log = join(folder, "calls");
  writeFileSync(log, "");
  const { stop } = fakeGit(
    folder,
    `{ for one in "$@"; do printf '%s\\n' "$one"; done; printf '\\001\\n'; env; printf '\\002\\n'; } >> ${log}
exec ${findProgram("git")} "$@"`,
  );
  return {
    stop,
    calls: () =>
      readFileSync(log, "utf8")
        .split("\u0002\n")
        .filter(Boolean)
        .map((text) => {
          const [args = "", env = ""] = text.split("\u0001\n");
          const pairs = env
            .split("\n")
            .filter(Boolean)
            .map((line): [string, string] => {
              const at = line.indexOf("=");
              return [line.slice(0, at), line.slice(at + 1)];
            });
          return { args: args.split("\n").slice(0, -1), env: Object.fromEntries(pairs) };
        }),
  };
}

/**
 * Puts a shell script before Git in this process's path.
 * @param folder an existing folder of the test's own
 * @param script the commands
 * @returns a function that ends it
 */
export function fakeGit(folder: string, script: string): { stop(): void } {
  const bin = mkdtempSync(join(folder, "bin-"));
  writeFileSync(join(bin, "git"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const before = process.env.PATH;
  process.env.PATH = `${bin}:${before}`;
  return {
    stop: () => {
      process.env.PATH = before;
    },
  };
}
