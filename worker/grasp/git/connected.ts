/**
 * Whether objects are here with all that they need (P10).
 * @module
 */
import { type GitOptions, NoAnswer } from "./process.ts";
import type { GitRunner } from "./runner.ts";

const ID = /^[0-9a-f]{40}$/;
const ID_LENGTH = 40;
const MISSING = " missing";

/** What all refs lead to is complete: refs only move to complete objects. */
const APART_FROM_REFS = ["--not", "--all"];

/**
 * Whether ids are here and connected.
 * @param isThorough looks at what the refs lead to, too; else that is taken for complete.
 * @throws {NoAnswer} if Git was killed
 */
export async function areConnected(
  git: GitRunner,
  ids: readonly string[],
  { env, isThorough }: { env?: GitOptions["env"]; isThorough?: boolean } = {},
): Promise<boolean> {
  const check = async (apart: readonly string[]) => {
    const args = ["rev-list", "--objects", "--quiet", "--stdin", ...apart];
    const ended = await git(args, linesOf(ids), env && { env });
    if (ended.code === null) throw new NoAnswer("rev-list", ended);
    return ended.code === 0;
  };
  if (!isThorough && (await check(APART_FROM_REFS))) return true;
  // A broken ref, too, lets the quick check fail (T67).
  return check([]);
}

/**
 * Checks that ids are here and connected, apart from what the refs have.
 * @returns the commits that no ref leads to yet, with their parents, and how many objects they and the ids need beside what the refs
 * have; `null`: the check failed, and {@link areConnected} has to tell.
 */
export async function newCommits(
  git: GitRunner,
  ids: readonly string[],
  env: GitOptions["env"],
): Promise<{ commits: Map<string, readonly string[]>; needed: number } | null> {
  const args = ["rev-list", "--objects", "--timestamp", "--parents", "--stdin", ...APART_FROM_REFS];
  const { code, stdout } = await git(args, linesOf(new Set(ids)), { env });
  if (code !== 0) return null;
  const commits = new Map<string, readonly string[]>();
  const lines = stdout.toString("latin1").split("\n").slice(0, -1);
  for (const line of lines) {
    // Lines of commits begin with their time, those of other objects with an id. Names may be any text.
    const at = line.indexOf(" ");
    if (at < 0 || at >= ID_LENGTH) continue;
    const [id = "", ...parents] = line.slice(at + 1).split(" ");
    commits.set(id, parents);
  }
  return { commits, needed: lines.length };
}

/** As {@link newCommits}, for many objects: only counts them. */
export async function countNeeded(
  git: GitRunner,
  ids: Iterable<string>,
  env: GitOptions["env"],
): Promise<number | null> {
  const args = ["rev-list", "--objects", "--count", "--stdin", ...APART_FROM_REFS];
  const { code, stdout } = await git(args, linesOf(new Set(ids)), { env });
  return code === 0 ? Number(stdout.toString("latin1")) : null;
}

/** Those of these ids that are not here with all that they need. @throws {NoAnswer} if Git could not look */
export async function incompleteOf(
  git: GitRunner,
  ids: readonly string[],
  isThorough: boolean,
): Promise<Set<string>> {
  const missing = new Set(ids);
  for (const id of await connectedOf(git, ids, isThorough)) missing.delete(id);
  return missing;
}

/**
 * Those of these ids that are here with all that they need: one process if none is here, two if all are complete, and a few more
 * for each id that is not.
 * @throws {NoAnswer} if Git could not look
 */
export async function connectedOf(
  git: GitRunner,
  ids: readonly string[],
  isThorough: boolean,
): Promise<string[]> {
  return halved(await presentOf(git, ids), (part) => areConnected(git, part, { isThorough }));
}

/** Those of these ids whose object is here, whatever it needs. @throws {NoAnswer} if Git could not look */
export async function presentOf(git: GitRunner, ids: readonly string[]): Promise<string[]> {
  // Git would read other texts as names of revisions (S4, T5).
  const asked = ids.filter((id) => ID.test(id));
  const types = await typesOf(git, asked);
  return asked.filter((_, index) => types[index] !== null);
}

/** Finds those that pass, where most questions about many at once are answered with yes. */
async function halved(
  ids: string[],
  doPass: (ids: readonly string[]) => Promise<boolean>,
): Promise<string[]> {
  if (ids.length === 0 || (await doPass(ids))) return ids;
  if (ids.length === 1) return [];
  const half = ids.length >> 1;
  return [...(await halved(ids.slice(0, half), doPass)), ...(await halved(ids.slice(half), doPass))];
}

/** The type of each object; `null`: it is not here. @throws {NoAnswer} if Git could not look */
export async function typesOf(
  git: GitRunner,
  ids: readonly string[],
  env?: GitOptions["env"],
): Promise<(string | null)[]> {
  const lines = await told(git, "%(objecttype)", ids, env);
  return lines.map((line) => (line.endsWith(MISSING) ? null : line));
}

/** The size of each object in bytes; `NaN`: it is not here. @throws {NoAnswer} if Git could not look */
export async function sizesOf(
  git: GitRunner,
  ids: readonly string[],
  env?: GitOptions["env"],
): Promise<number[]> {
  return (await told(git, "%(objectsize)", ids, env)).map(Number);
}

/** One line for each id, in this order. A process that was killed tells a part of them, which is no answer. */
async function told(
  git: GitRunner,
  format: string,
  ids: readonly string[],
  env: GitOptions["env"],
): Promise<string[]> {
  if (ids.length === 0) return [];
  const ended = await git(["cat-file", `--batch-check=${format}`], linesOf(ids), env && { env });
  const lines = ended.stdout.toString("latin1").split("\n").slice(0, -1);
  if (ended.code !== 0 || lines.length !== ids.length) throw new NoAnswer("cat-file", ended);
  return lines;
}

function linesOf(ids: Iterable<string>): string {
  return [...ids].map((id) => `${id}\n`).join("");
}
