/**
 * Which of some ids are in a repository or a quarantine (P10, S13), for callers with a slot or a signal of their own.
 * @module
 */
import { connectedOf, presentOf } from "./connected.ts";
import type { GitPool } from "./pool.ts";
import { type GitOptions, runGit } from "./process.ts";
import type { GitRunner } from "./runner.ts";

/** Where the objects are. */
export interface ObjectPlace extends Pick<GitOptions, "home" | "repository" | "env" | "signal"> {
  /** Whether what the repository's refs need is taken as there. */
  readonly trustsRefs: boolean;
}

/** How Git runs. */
export interface GitPlace {
  /** An existing, empty folder. */
  readonly home: string;
  readonly pool: Pick<GitPool, "run">;
}

/** Those of the ids whose object is here, whatever it needs. @throws if Git could not look */
export function presentIds(ids: readonly string[], place: ObjectPlace): Promise<string[]> {
  return presentOf(gitIn(place), ids);
}

/** Those of the ids that are here with all that they need. @throws if Git could not look */
export function connectedIds(ids: readonly string[], place: ObjectPlace): Promise<string[]> {
  return connectedOf(gitIn(place), ids, !place.trustsRefs);
}

/**
 * Those of the ids that a repository does not have with all that they need; its refs are not trusted (S24).
 * @param path the repository's folder; `null`: there is none
 */
export function disconnectedIds(
  path: string | null,
  ids: readonly string[],
  git: GitPlace,
): Promise<Set<string>> {
  return without(path, ids, git, connectedIds);
}

/** Those of the ids whose object a repository does not have. @param path the repository's folder; `null`: there is none */
export function missingIds(path: string | null, ids: readonly string[], git: GitPlace): Promise<Set<string>> {
  return without(path, ids, git, presentIds);
}

/** The ids without those that `found` finds in a repository. */
async function without(
  path: string | null,
  ids: readonly string[],
  { home, pool }: GitPlace,
  found: typeof presentIds,
): Promise<Set<string>> {
  const missing = new Set(ids);
  if (path === null) return missing;
  const place = { home, repository: path, trustsRefs: false };
  for (const id of await pool.run("own", null, () => found(ids, place))) missing.delete(id);
  return missing;
}

/** Git in a place. It throws the signal's reason if that ended it. */
function gitIn(place: ObjectPlace): GitRunner {
  return async (args, input) => {
    const result = await runGit(args, place, input);
    place.signal?.throwIfAborted();
    return result;
  };
}
