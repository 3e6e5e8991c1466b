/**
 * How a repository's branches, tags and `HEAD` become equal to a state (N9): pure decisions.
 * @module
 */
import { ZERO_ID } from "../git/command-list.ts";
import { isBranchOrTag } from "../git/ref-name.ts";
import type { Backup, RefSnapshot, RefUpdate } from "../ports.ts";
import type { RepositoryState } from "../state.ts";

/** What moves in one repository. */
export interface Move {
  readonly owner: string;
  readonly identifier: string;
  /** Ref transactions, one after the other. */
  readonly updates: readonly (readonly RefUpdate[])[];
  /** What `HEAD` names before and after; `null`: it stays. */
  readonly head: { readonly old: string; readonly new: string } | null;
  /** What is recorded of the values that it loses (N21); absent or `null`: it loses none. */
  readonly backup?: Backup | null;
}

/** Whether a move changes nothing. */
export function isEmpty({ updates, head }: Pick<Move, "updates" | "head">): boolean {
  return updates.length === 0 && head === null;
}

/** What makes a repository equal to a state. */
export function moveTo(
  state: Pick<RepositoryState, "refs" | "head">,
  { refs, head }: Pick<RefSnapshot, "refs" | "head">,
): Pick<Move, "updates" | "head"> {
  const wanted = state.head !== null && state.refs.has(state.head) ? state.head : null;
  return {
    updates: alignment(state, refs),
    head: wanted === null || wanted === head ? null : { old: head, new: wanted },
  };
}

/**
 * The ref transactions that make a repository's branches and tags equal to a state (N9): one, or two where Git refuses to
 * delete `a` and to create `a/b` in the same one.
 */
export function alignment(
  state: Pick<RepositoryState, "refs">,
  present: ReadonlyMap<string, string>,
): RefUpdate[][] {
  const deletions: RefUpdate[] = [];
  const others: RefUpdate[] = [];
  for (const [ref, id] of present) {
    if (isBranchOrTag(ref) && !state.refs.has(ref)) deletions.push({ ref, old: id, new: ZERO_ID });
  }
  for (const [ref, id] of state.refs) {
    const old = present.get(ref) ?? ZERO_ID;
    if (old !== id) others.push({ ref, old, new: id });
  }
  const created = others.filter(({ old }) => old === ZERO_ID).map(({ ref }) => ref);
  const conflicts = conflicting(deletions, created);
  if (conflicts.size === 0) return [[...deletions, ...others]].filter((list) => list.length > 0);
  return [[...conflicts], [...deletions.filter((one) => !conflicts.has(one)), ...others]];
}

/** The deletions of a ref above or below one that is created. */
function conflicting(deletions: readonly RefUpdate[], created: readonly string[]): Set<RefUpdate> {
  const names = new Set(created);
  const above = new Set(created.flatMap(parentsOf));
  return new Set(
    deletions.filter(({ ref }) => above.has(ref) || parentsOf(ref).some((parent) => names.has(parent))),
  );
}

/** `a/b/c`: `a` and `a/b`. */
function parentsOf(ref: string): string[] {
  const parents: string[] = [];
  for (let at = ref.indexOf("/"); at !== -1; at = ref.indexOf("/", at + 1)) parents.push(ref.slice(0, at));
  return parents;
}

/** The same transactions back (N14). */
export function reversed(updates: Move["updates"]): RefUpdate[][] {
  return [...updates]
    .reverse()
    .map((list) => list.map(({ ref, old, new: to }) => ({ ref, old: to, new: old })));
}
