/**
 * Which of some ids are in a repository or a quarantine with all that they need (P10, S13).
 * @module
 */
import type { GitPool } from "./pool.ts";
import { type GitOptions, type GitResult, runGit } from "./process.ts";

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

/** Those of the ids whose object is here, whatever it needs. */
export async function presentIds(ids: readonly string[], place: ObjectPlace): Promise<string[]> {
  const args = ["cat-file", "--batch-check=%(objecttype)", "--buffer"];
  const { stdout } = await succeeded(runGit(args, place, ids.map((id) => `${id}\n`).join("")));
  const types = stdout.toString("latin1").split("\n");
  return ids.filter((_, index) => /^(?:commit|tree|blob|tag)$/.test(types[index] ?? ""));
}

/** Those of the ids that are here with all that they need. */
export async function connectedIds(ids: readonly string[], place: ObjectPlace): Promise<string[]> {
  const present = await presentIds(ids, place);
  return halved(present, (part) => areConnected(part, place));
}

/**
 * Those of the ids that a repository does not have with all that they need; its refs are not trusted (S24).
 * @param path the repository's folder; `null`: there is none
 */
export async function disconnectedIds(
  path: string | null,
  ids: readonly string[],
  { home, pool }: GitPlace,
): Promise<Set<string>> {
  const missing = new Set(ids);
  if (path === null) return missing;
  return pool.run("own", null, async () => {
    for (const id of await connectedIds(ids, { home, repository: path, trustsRefs: false }))
      missing.delete(id);
    return missing;
  });
}

/** Those of the ids whose object a repository does not have. @param path the repository's folder; `null`: there is none */
export async function missingIds(
  path: string | null,
  ids: readonly string[],
  { home, pool }: GitPlace,
): Promise<Set<string>> {
  const missing = new Set(ids);
  if (path === null) return missing;
  return pool.run("own", null, async () => {
    for (const id of await presentIds(ids, { home, repository: path, trustsRefs: false })) missing.delete(id);
    return missing;
  });
}

/** Finds those that pass, where most questions about many at once are answered with yes. */
async function halved(
  ids: string[],
  doPass: (ids: readonly string[]) => Promise<boolean>,
): Promise<string[]> {
  if (ids.length === 0) return [];
  if (await doPass(ids)) return ids;
  if (ids.length === 1) return [];
  const half = ids.length >> 1;
  return [...(await halved(ids.slice(0, half), doPass)), ...(await halved(ids.slice(half), doPass))];
}

async function areConnected(ids: readonly string[], place: ObjectPlace): Promise<boolean> {
  const known = place.trustsRefs ? ["--not", "--all"] : [];
  const args = ["rev-list", "--objects", "--quiet", "--stdin", ...known];
  const { code } = await runGit(args, place, ids.map((id) => `${id}\n`).join(""));
  place.signal?.throwIfAborted();
  return code === 0;
}

async function succeeded(run: Promise<GitResult>): Promise<GitResult> {
  const result = await run;
  if (result.code !== 0) throw new Error(`git ended with ${result.code}: ${result.stderr.slice(0, 500)}`);
  return result;
}
