/**
 * The Git work tree in the current folder, as far as publishing needs it.
 * @module
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { basename } from "node:path";
import process from "node:process";

/** Longest output of Git that is read, in bytes. */
const MAX_OUTPUT_BYTES = 64 * 1024 ** 2;

/** What a work tree has. */
export interface WorkTreeFacts {
  /** The name of its folder. */
  readonly name: string;
  /** Branches and tags with their object ids. */
  readonly refs: ReadonlyMap<string, string>;
  /** The branch that is checked out; `null`: none is. */
  readonly head: string | null;
  /** The first commit of the history. */
  readonly rootCommit: string | null;
}

/** A Git command that failed. */
class GitFailure extends Error {}

/** Runs Git with the user's own settings. @returns its output without the last line end */
async function git(...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, LC_ALL: "C", GIT_TERMINAL_PROMPT: "0" };
    execFile("git", args, { maxBuffer: MAX_OUTPUT_BYTES, env }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout.trimEnd());
      else if (error.code === ("ENOENT" as unknown))
        reject(new Error("there is no git on this machine; install it"));
      else reject(new GitFailure(stderr.trim(), { cause: error }));
    });
  });
}

/** The same; `null` if it fails. */
async function gitOrNull(...args: string[]): Promise<string | null> {
  try {
    return await git(...args);
  } catch (error) {
    if (error instanceof GitFailure) return null;
    throw error;
  }
}

/** @throws {Error} saying what to do first: `git init`, a commit, the whole history. */
export async function readWorkTree(): Promise<WorkTreeFacts> {
  const top = await gitOrNull("rev-parse", "--show-toplevel");
  if (top === null) {
    throw new Error("this folder is in no Git work tree; go into one, or begin one with: git init -b main");
  }
  const format = await gitOrNull("rev-parse", "--show-object-format");
  if (format !== null && format !== "sha1") {
    throw new Error(`the repository's object format is ${format}; GRASP servers have sha1`);
  }
  if ((await gitOrNull("rev-parse", "--verify", "--quiet", "HEAD^{commit}")) === null) {
    throw new Error(
      "the repository has no commit yet; make one with: git add . && git commit -m 'First commit'",
    );
  }
  if ((await git("rev-parse", "--is-shallow-repository")) === "true") {
    throw new Error(
      "the repository has only a part of its history; fetch the rest with: git fetch --unshallow",
    );
  }
  const lines = await git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags");
  const refs = new Map(
    lines
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(" ") as [string, string]),
  );
  const head = await gitOrNull("symbolic-ref", "--quiet", "HEAD");
  const roots = await git("rev-list", "--max-parents=0", "HEAD");
  return {
    name: basename(top),
    refs,
    head: head !== null && refs.has(head) ? head : null,
    rootCommit: roots.split("\n").at(-1) || null,
  };
}

/** The branches and tags of a repository on a server; empty if it cannot be read. */
export async function remoteRefs(url: string): Promise<Map<string, string>> {
  const lines = (await gitOrNull("ls-remote", "--refs", url)) ?? "";
  const pairs = lines
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split("\t").reverse() as [string, string]);
  return new Map(pairs.filter(([ref]) => /^refs\/(heads|tags)\//.test(ref)));
}

/** Whether a commit is part of the history of another one here. */
export async function isInHistory(commit: string, of: string): Promise<boolean> {
  return (await gitOrNull("merge-base", "--is-ancestor", commit, of)) !== null;
}

/** Runs `git push` with this process's terminal. @returns its exit code */
export async function push(args: readonly string[]): Promise<number> {
  const child = spawn("git", ["push", ...args], { stdio: "inherit" });
  const [code] = (await once(child, "close")) as [number | null];
  return code ?? 1;
}
