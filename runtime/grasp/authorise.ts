/**
 * Who may push what: the authoritative state of a repository, and whether a push fits it (A15 to A25).
 * @module
 */
import { type Dated, isNewer } from "./events/event.ts";
import { type RefCommand, ZERO_ID } from "./git/command-list.ts";
import { isBranchOrTag } from "./git/ref-name.ts";
import type { RepositoryState } from "./state.ts";

/**
 * The states that count for a repository (A16, A17): each author's newest, by members of the set, none of them withdrawn, and
 * none older than a state that was authoritative and is deleted or withdrawn.
 * @param states of the identifier, in the database and in purgatory. Deleted and expired ones are not among them.
 * @param ended states that were authoritative when they were deleted or withdrawn.
 */
export function candidates(
  states: Iterable<RepositoryState>,
  set: ReadonlySet<string>,
  ended: readonly Dated[] = [],
): RepositoryState[] {
  const newest = new Map<string, RepositoryState>();
  for (const state of states) {
    const { pubkey } = state.event;
    if (!set.has(pubkey)) continue;
    const known = newest.get(pubkey);
    if (known === undefined || isNewer(state.event, known.event)) newest.set(pubkey, state);
  }
  return [...newest.values()].filter(
    ({ event, refs }) => refs.size > 0 && ended.every((past) => isNewer(event, past)),
  );
}

/** The authoritative state (A18): the newest candidate, at equal times the one with the smaller id; `null`: there is none. */
export function authoritativeState(list: readonly RepositoryState[]): RepositoryState | null {
  return list.reduce<RepositoryState | null>(
    (best, state) => (best === null || isNewer(state.event, best.event) ? state : best),
    null,
  );
}

/** Why a command is refused. */
export type CommandRefusal =
  /** The state names another value for the ref. */
  | { readonly reason: "wrong_value"; readonly expected: string }
  /** The state does not name the ref: it may only be deleted. */
  | { readonly reason: "not_named" }
  /** The state names the ref: it may not be deleted. */
  | { readonly reason: "named" }
  /** The ref moved meanwhile (A8). */
  | { readonly reason: "moved"; readonly present: string }
  /** Neither branch nor tag nor `refs/nostr/` (A23). */
  | { readonly reason: "foreign_name" };

/** Whether a push makes a repository equal to a state. */
export type Fit =
  | { readonly fits: true /** Refs that alignment deletes (A21). */; readonly unnamed: readonly string[] }
  | {
      readonly fits: false;
      readonly refused: ReadonlyMap<string, CommandRefusal>;
      /** Refs that the state names elsewhere and that no command moves (A22). */
      readonly missing: readonly string[];
    };

/**
 * Judges the commands on branches and tags (A20 to A22).
 * @param present the branches and tags that the repository has.
 */
export function judgeFit(
  commands: readonly RefCommand[],
  state: Pick<RepositoryState, "refs">,
  present: ReadonlyMap<string, string>,
): Fit {
  const refused = new Map<string, CommandRefusal>();
  const touched = new Set<string>();
  for (const command of commands) {
    touched.add(command.ref);
    const refusal = judgeCommand(command, state.refs.get(command.ref), present.get(command.ref) ?? ZERO_ID);
    if (refusal !== null) refused.set(command.ref, refusal);
  }
  const missing: string[] = [];
  for (const [ref, id] of state.refs) {
    if (!touched.has(ref) && present.get(ref) !== id) missing.push(ref);
  }
  if (refused.size > 0 || missing.length > 0) return { fits: false, refused, missing };
  return { fits: true, unnamed: [...present.keys()].filter((ref) => !state.refs.has(ref)) };
}

function judgeCommand(command: RefCommand, named: string | undefined, now: string): CommandRefusal | null {
  if (!isBranchOrTag(command.ref)) return { reason: "foreign_name" };
  // A ref that is at its new value already needs nothing (A7, A8).
  if (command.new !== now && command.old !== now) return { reason: "moved", present: now };
  if (named === undefined) return command.new === ZERO_ID ? null : { reason: "not_named" };
  if (command.new === ZERO_ID) return { reason: "named" };
  return command.new === named ? null : { reason: "wrong_value", expected: named };
}
