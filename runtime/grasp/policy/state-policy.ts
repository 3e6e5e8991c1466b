/**
 * Whether a state is accepted (R37 to R44).
 * @module
 */
import { isNewer, type NostrEvent } from "../events/event.ts";
import { foldedPair } from "../folded.ts";
import { readState } from "../state.ts";
import { refuse, refuseForNow, type Verdict } from "./verdict.ts";
import { setsOf, type World } from "./world.ts";

/** What is asked of Git before a state is judged. */
export interface StateFacts {
  /** Whether every object that the state names is here, and connected (P10). */
  readonly isComplete: boolean;
  /** Whether another server sent it. */
  readonly isFromSync: boolean;
}

/** Judges a state. */
export function judgeState(event: NostrEvent, { isComplete, isFromSync }: StateFacts, world: World): Verdict {
  if (world.lists.denyAuthors.has(event.pubkey)) return refuse("blocked", "this author is not served here");
  const read = readState(event);
  if ("fault" in read) return refuse("invalid", read.fault);
  const { state } = read;
  const pair = world.foldsNames ? foldedPair(state.refs.keys()) : null;
  if (pair !== null) return refuse("invalid", `this server cannot tell ${pair[0]} from ${pair[1]}`);
  if (isFromSync && world.remembered(event.id) === "expired") {
    return refuse("blocked", "it expired here; a client may send it again");
  }
  const sets = setsOf(world, state.identifier);
  if (sets.size === 0)
    return refuseForNow("invalid", `no repository ${JSON.stringify(state.identifier)} is announced here`);
  if (![...sets.values()].some((set) => set.has(event.pubkey))) {
    return refuseForNow("invalid", "its author is no maintainer of a repository of this identifier here");
  }
  for (const other of world.states(state.identifier)) {
    const isOwn = other.event.pubkey === event.pubkey;
    if (
      isOwn &&
      isNewer(other.event, event) &&
      (world.served(other.event.id) !== null || other.refs.size === 0)
    ) {
      return { kind: "duplicate", text: "a newer one is known" };
    }
  }
  // A withdrawal moves no ref (R43).
  return state.refs.size === 0 || isComplete ? { kind: "serve" } : { kind: "wait" };
}
