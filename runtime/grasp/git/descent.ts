/**
 * Whether new values of refs have the old ones in their history (N21): what follows from one walk of Git over many refs.
 * @module
 */

/** Old and new commit of a ref. They differ. */
export interface CommitMove {
  readonly old: string;
  readonly new: string;
}

/** `unknown`: the walk does not tell. */
export type Descent = "descends" | "does_not" | "unknown";

/** Commits that one judgement looks at, over all refs. */
const MAX_VISITS = 2_000_000;

/**
 * Reads lines of `git rev-list --parents`.
 * @returns the parents of each commit
 */
export function readParents(lines: string): Map<string, readonly string[]> {
  const parents = new Map<string, readonly string[]>();
  for (const line of lines.split("\n")) {
    const [commit = "", ...rest] = line.split(" ");
    if (commit !== "") parents.set(commit, rest);
  }
  return parents;
}

/**
 * Judges moves by the commits that new values lead to and no old value does.
 * @param parents those commits, with their parents.
 * @param isWhole whether they are all of them.
 */
export function judgeDescent(
  moves: readonly CommitMove[],
  parents: ReadonlyMap<string, readonly string[]>,
  isWhole: boolean,
): Descent[] {
  // Where the walk ends, another old value leads on, perhaps to this one.
  const isClear = isWhole && new Set(moves.map(({ old }) => old)).size === 1;
  let left = MAX_VISITS;
  return moves.map(({ old, new: tip }) => {
    const seen = new Set([tip]);
    let leadsOn = false;
    for (const commit of seen) {
      if (commit === old) return "descends";
      if (left-- <= 0) return "unknown";
      const above = parents.get(commit);
      if (above === undefined) leadsOn = true;
      for (const parent of above ?? []) seen.add(parent);
    }
    return leadsOn && !isClear ? "unknown" : "does_not";
  });
}
