/**
 * Which moves of refs lose a value (N21).
 * @module
 */
import { ZERO_ID } from "../../../runtime/grasp/git/command-list.ts";
import { type CommitMove, judgeDescent, readParents } from "../../../runtime/grasp/git/descent.ts";
import type { RefUpdate } from "../../../runtime/grasp/ports.ts";
import { typesOf } from "./connected.ts";
import type { GitRunner } from "./runner.ts";

/** Commits that one walk tells. */
const MAX_COMMITS = 200_000;
/** Moves that are asked for one by one, where the walk does not tell. The others count as losing: too much is kept, never too little. */
const MAX_ASKED = 50;

/**
 * Those of these deletions and moves that lose a value which is here. A fast-forward of branches costs one process at most.
 * Without an answer of Git nothing may move: a value that is not known to be here would get no backup.
 * @param recent commits with their parents, as far as they are known: fast-forwards that they show cost nothing.
 * @throws {NoAnswer} if Git could not look
 */
export async function losingOf(
  git: GitRunner,
  updates: readonly RefUpdate[],
  recent: ReadonlyMap<string, readonly string[]> = new Map(),
): Promise<RefUpdate[]> {
  const isLost = new Set(updates.filter(({ new: to }) => to === ZERO_ID));
  const moved = updates.filter(({ new: to }) => to !== ZERO_ID);
  const commits = new Set(await commitMovesOf(git, moved));
  for (const one of moved) if (!commits.has(one)) isLost.add(one);
  const known = judgeDescent([...commits], recent, false);
  const open = [...commits].filter((_, index) => known[index] !== "descends");
  for (const one of await withoutDescent(git, open)) isLost.add(one);
  const lost = updates.filter((one) => isLost.has(one));
  if (lost.length === 0) return [];
  const types = await typesOf(
    git,
    lost.map(({ old }) => old),
  );
  // What is gone already cannot be kept (T67).
  return lost.filter((_, index) => types[index] !== null);
}

/** Moves from one commit to another. Branches are commits (A19); a tag may be an object of its own, which no commit leads to. */
async function commitMovesOf(git: GitRunner, moved: readonly RefUpdate[]): Promise<RefUpdate[]> {
  const tags = moved.filter(({ ref }) => !ref.startsWith("refs/heads/"));
  const types = await typesOf(
    git,
    tags.flatMap(({ old, new: to }) => [old, to]),
  );
  const isOther = new Set(
    tags.filter((_, index) => types[2 * index] !== "commit" || types[2 * index + 1] !== "commit"),
  );
  return moved.filter((one) => !isOther.has(one));
}

async function withoutDescent<T extends CommitMove>(git: GitRunner, moves: readonly T[]): Promise<T[]> {
  if (moves.length === 0) return [];
  const walk = moves.map(({ old, new: to }) => `${to}\n^${old}\n`).join("");
  const args = ["rev-list", "--parents", `--max-count=${MAX_COMMITS}`, "--stdin"];
  const { code, stdout } = await git(args, walk);
  // Something is missing, which only makes it more likely that a value gets lost.
  if (code !== 0) return [...moves];
  const parents = readParents(stdout.toString("latin1"));
  const judged = judgeDescent(moves, parents, parents.size < MAX_COMMITS);
  const lost: T[] = [];
  let asked = 0;
  for (const [index, move] of moves.entries()) {
    const descends =
      judged[index] === "descends" ||
      (judged[index] === "unknown" && asked++ < MAX_ASKED && (await isAncestor(git, move)));
    if (!descends) lost.push(move);
  }
  return lost;
}

async function isAncestor(git: GitRunner, { old, new: to }: CommitMove): Promise<boolean> {
  const { code, stdout } = await git(["rev-list", "--max-count=1", "--stdin"], `${old}\n^${to}\n`);
  return code === 0 && stdout.length === 0;
}
