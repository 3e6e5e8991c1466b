/**
 * Whether a repository has objects to set apart or to delete (O23).
 * @module
 */

/** How long unreachable objects are kept, in seconds. */
export const UNREACHABLE_SECONDS = 14 * 24 * 60 * 60;
/** How old they may be where their PR was deleted or its author vanished, in seconds: what comes in just now is not theirs (N23, N26). */
export const FORGOTTEN_SECONDS = 60 * 60;

/** What is known of a repository's objects. */
export interface ObjectCounts {
  /** Objects that refs lead to. */
  readonly reachable: number;
  /** Objects in packs, those apart excepted. An object in two packs counts twice. */
  readonly packed: number;
  /** Objects in files of their own. */
  readonly loose: number;
  /** Since when the longest unreachable object is known to be that, in seconds since the epoch; `null`: none is. */
  readonly unreachableSince: number | null;
}

/**
 * Whether packs have to be written again: objects became unreachable or reachable, or the time of some is over. Without this
 * question every repository would be written once a day.
 */
export function mustPrune(counts: ObjectCounts, nowSeconds: number): boolean {
  const { reachable, packed, loose, unreachableSince } = counts;
  if (packed !== reachable || loose > 0) return true;
  return unreachableSince !== null && unreachableSince <= nowSeconds - UNREACHABLE_SECONDS;
}
