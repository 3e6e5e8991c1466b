/**
 * Git for short work on one repository: with a slot of our own share (G30).
 * @module
 */
import type { GitPool } from "./pool.ts";
import { type GitOptions, type GitResult, runGit } from "./process.ts";

/** Runs Git to its end. @param args ids and names from outside go through `input`. */
export type GitRunner = (
  args: readonly string[],
  input?: Parameters<typeof runGit>[2],
  options?: Partial<GitOptions>,
) => Promise<GitResult>;

/** Git in a repository's folder, each process with a slot of share `own`. */
export function ownGit(pool: GitPool, where: Pick<GitOptions, "home" | "repository">): GitRunner {
  return (args, input, options) => pool.run("own", null, () => runGit(args, { ...where, ...options }, input));
}

/** Git in a repository's folder, for callers who have a slot already. */
export function plainGit(where: Pick<GitOptions, "home" | "repository" | "signal">): GitRunner {
  return (args, input, options) => runGit(args, { ...where, ...options }, input);
}
