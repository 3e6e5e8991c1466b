/**
 * Ends of authoritative states: no older state takes the place of one that was deleted or withdrawn (A17, R43, R60).
 * @module
 */
import { authoritativeState, candidates } from "./authorise.ts";
import type { Core } from "./core.ts";
import { isNewer, type NostrEvent } from "./events/event.ts";
import type { Saved, StoreChanges } from "./ports.ts";
import type { RepositoryState } from "./state.ts";

/** Who decides on a repository at one moment. */
export interface Authority {
  readonly owner: string;
  readonly identifier: string;
  /** Whether the repository is held: it may come back, and no older state takes over meanwhile either (R59, R60). */
  readonly isHeld: boolean;
  /** The maintainer set; of a held repository, as it was when it was held. */
  readonly set: ReadonlySet<string>;
  /**
   * Its authoritative states: over database and purgatory, which decides on pushes, and of the database alone, which the refs are
   * equal to while a newer one waits (N7).
   */
  readonly states: readonly RepositoryState[];
}

/** Who decides on an identifier's repositories now. What is held with a repository counts for those that are held. */
export function authorities(identifier: string, { known }: Pick<Core, "known">): Authority[] {
  const served = known.servedStates(identifier);
  const all = known.states(identifier);
  const heldSets = known.heldSets(identifier);
  const held = heldSets.size === 0 ? [] : known.heldStates(identifier);
  const authority = (owner: string, set: ReadonlySet<string>, isHeld: boolean): Authority => {
    const ended = known.ended(owner, identifier);
    const states = [all, served].flatMap(
      (list) => authoritativeState(candidates(isHeld ? [...list, ...held] : list, set, ended)) ?? [],
    );
    return { owner, identifier, isHeld, set, states };
  };
  return [
    ...[...known.sets(identifier)].map(([owner, set]) => authority(owner, set, false)),
    ...[...heldSets].map(([owner, set]) => authority(owner, set, true)),
  ];
}

/** Remembers the authoritative states that are no states any more. */
export function endStates(
  before: readonly Authority[],
  isEnded: (state: NostrEvent) => boolean,
  changes: StoreChanges,
): void {
  for (const { owner, identifier, states } of before) {
    for (const { event } of states) if (isEnded(event)) changes.endState(owner, identifier, event);
  }
}

/** Saves a state without refs, which takes its author's earlier states back (R43). */
export function saveWithdrawal(event: NostrEvent, identifier: string, core: Core): Promise<Saved> {
  const { journal, purgatory, nowSeconds } = core;
  return journal.change((changes) => {
    const before = authorities(identifier, core);
    const saved = changes.save(event, nowSeconds());
    if (saved.outcome !== "stored") return saved;
    const isWithdrawn = (state: NostrEvent) => state.pubkey === event.pubkey && isNewer(event, state);
    for (const entry of purgatory.states(identifier)) {
      if (isWithdrawn(entry.event)) purgatory.remove(entry, "withdrawn");
    }
    endStates(before, isWithdrawn, changes);
    return saved;
  });
}
