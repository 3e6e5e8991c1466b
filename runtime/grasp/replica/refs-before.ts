/**
 * Which refs a process shows that reads a repository while another one moves its refs: those of before or those of after a release,
 * never a part of them, and the new ones exactly when the event is served that goes with them (N13).
 * @module
 */
import { ZERO_ID } from "../git/command-list.ts";
import type { Intent, RefSnapshot } from "../ports.ts";
import type { Move } from "../release/alignment.ts";
import { readReleasePlan } from "../release/intent.ts";

/** What a repository's files say of its refs. */
type Refs = Pick<RefSnapshot, "refs" | "head">;

/** The moves of a repository that are under way, in the order of their intents, and so it is after a crash until the next start. */
export function movesUnderWay(intents: readonly Intent[], owner: string, identifier: string): Move[] {
  return intents
    .flatMap(({ plan }) => readReleasePlan(plan)?.moves ?? [])
    .filter((move) => move.owner === owner && move.identifier === identifier);
}

/**
 * Refs as they were before these moves. An intent names old and new values and ends in the transaction that serves its events, so
 * that this holds whichever of the refs have moved already. A ref that has neither value moved on: the intent is one that could
 * not be ended, and the next start of the writer skips it, too.
 */
export function refsBefore({ refs, head }: Refs, moves: readonly Move[]): Refs {
  if (moves.length === 0) return { refs, head };
  const before = new Map(refs);
  let named = head;
  for (const move of moves.toReversed()) {
    for (const { ref, old, new: to } of move.updates.flat().toReversed()) {
      if ((before.get(ref) ?? ZERO_ID) !== to) continue;
      if (old === ZERO_ID) before.delete(ref);
      else before.set(ref, old);
    }
    if (named === move.head?.new) named = move.head.old;
  }
  return { refs: before, head: named };
}
