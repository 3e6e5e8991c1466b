/**
 * A `git` that writes down how it is called, and then is Git.
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
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
  const bin = join(folder, "bin");
  const log = join(folder, "calls");
  mkdirSync(bin);
  writeFileSync(log, "");
  const script = `#!/bin/sh
{ for one in "$@"; do printf '%s\\n' "$one"; done; printf '\\001\\n'; env; printf '\\002\\n'; } >> ${log}
exec ${findProgram("git")} "$@"
`;
  writeFileSync(join(bin, "git"), script, { mode: 0o755 });
  const before = process.env.PATH;
  process.env.PATH = `${bin}:${before}`;
  return {
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
    stop: () => {
      process.env.PATH = before;
    },
  };
}
