/**
 * Ends of authoritative states: no older state takes the place of one that was deleted or withdrawn (A17, R43, R60).
 * @module
 */
import { authoritativeState, candidates } from "./authorise.ts";
import type { Core } from "./core.ts";
import { isNewer, type NostrEvent } from "./events/event.ts";
import type { Saved, StoreChanges } from "./ports.ts";
import type { RepositoryState } from "./state.ts";

/** The authoritative state of a repository at one moment. */
export interface Authoritative {
  readonly owner: string;
  readonly identifier: string;
  readonly state: RepositoryState;
}

/**
 * The authoritative states of an identifier's repositories now: over database and purgatory, which decides on pushes, and of the
 * database alone, which the refs are equal to while a newer one waits (N7).
 */
export function authoritativeStates(identifier: string, { known }: Pick<Core, "known">): Authoritative[] {
  return [...known.sets(identifier)].flatMap(([owner, set]) => {
    const served = candidates(known.servedStates(identifier), set, known.ended(owner, identifier));
    const both = [known.authoritative(owner, identifier, set), authoritativeState(served)];
    return both.flatMap((state) => (state === null ? [] : [{ owner, identifier, state }]));
  });
}

/** Remembers those that are no states any more. */
export function endStates(
  before: readonly Authoritative[],
  isEnded: (state: NostrEvent) => boolean,
  changes: StoreChanges,
): void {
  for (const { owner, identifier, state } of before) {
    if (isEnded(state.event)) changes.endState(owner, identifier, state.event);
  }
}

/** Saves a state without refs, which takes its author's earlier states back (R43). */
export function saveWithdrawal(event: NostrEvent, identifier: string, core: Core): Promise<Saved> {
  const { journal, purgatory, nowSeconds } = core;
  return journal.change((changes) => {
    const before = authoritativeStates(identifier, core);
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
