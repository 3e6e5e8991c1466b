/**
 * The objects of the model: commits with their parents. What a commit needs is all its ancestors.
 * @module
 */

const id = (n: number) => n.toString(16).padStart(40, "c");

/** Parents by commit: a line, a branch off it, and a history of its own. */
const PARENTS: readonly (readonly number[])[] = [[], [0], [1], [0], [2, 3], [], [5], [1]];

export const COMMITS: readonly string[] = PARENTS.map((_, n) => id(n));

const parentsOf = new Map(PARENTS.map((parents, n) => [id(n), parents.map(id)]));

/** A commit with all its ancestors. */
export function needs(commit: string): Set<string> {
  const found = new Set<string>();
  const open = [commit];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...(parentsOf.get(next) ?? []));
  }
  return found;
}

/** Whether a set of objects has everything that a commit needs. */
export function isWhole(commit: string, objects: ReadonlySet<string>): boolean {
  return parentsOf.has(commit) && [...needs(commit)].every((one) => objects.has(one));
}
