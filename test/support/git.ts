/**
 * A Git work tree for tests: real Git, with nothing of this machine's configuration.
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const ENV = {
  PATH: process.env.PATH,
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.com",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@example.com",
  GIT_TERMINAL_PROMPT: "0",
  // No process after each commit, and no wait for the disk.
  GIT_CONFIG_COUNT: "3",
  GIT_CONFIG_KEY_0: "maintenance.auto",
  GIT_CONFIG_VALUE_0: "false",
  GIT_CONFIG_KEY_1: "gc.auto",
  GIT_CONFIG_VALUE_1: "0",
  GIT_CONFIG_KEY_2: "core.fsync",
  GIT_CONFIG_VALUE_2: "none",
};

/** A work tree. */
export interface WorkTree {
  readonly path: string;
  /** Runs Git and gives its output without the last line end. @throws if it fails */
  git(...args: string[]): string;
  /** Writes a file and commits it. @returns the commit's id */
  commit(file: string, content: string): string;
  /** Makes branches at a commit, or moves them there, in one process. @param names full names of refs */
  branches(id: string, names: readonly string[]): void;
  /** A pack with everything that these ids need, apart from what `not` needs. */
  pack(ids: readonly string[], not?: readonly string[]): Buffer;
}

/** Makes an empty work tree whose branch is `main`. */
export function workTree(folder: string, name = "work"): WorkTree {
  const path = join(folder, name);
  mkdirSync(path);
  const git = (...args: string[]) =>
    execFileSync("git", args, {
      cwd: path,
      env: ENV,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    }).trimEnd();
  git("init", "-q", "-b", "main");
  return {
    path,
    git,
    commit(file, content) {
      writeFileSync(join(path, file), content);
      git("add", file);
      git("commit", "-q", "-m", file);
      return git("rev-parse", "HEAD");
    },
    branches(id, names) {
      const input = names.map((name) => `update ${name} ${id}\n`).join("");
      execFileSync("git", ["update-ref", "--stdin"], { cwd: path, env: ENV, input });
    },
    pack: (ids, not = []) =>
      execFileSync("git", ["pack-objects", "--stdout", "--revs", "--thin", "-q"], {
        cwd: path,
        env: ENV,
        input: [...ids, ...not.map((id) => `^${id}`)].map((line) => `${line}\n`).join(""),
      }),
  };
}
