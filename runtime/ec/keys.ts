/**
 * Every key under which the Edge Cookie counts in a limiter or in the hot path's windows.
 *
 * A key is `ec:<kind>:<parts>`; each kind is used by one function here, so that two kinds never share a key. The bare EC id is
 * the only other form. Its 64 hex digits and dot cannot be the start of any other key. Keys of the sync engine begin with
 * `sync:`, keys of the readiness probe with `ready`.
 * @module
 */

/**
 * A visit of an id, for the debounce of `lastSeen`. It is the id itself, because every request of a known visitor needs it and
 * a longer key would have to be built each time.
 */
export function seenKey(id: string): string {
  return id;
}

/** The ids that one address had looked up for `lastSeen`. */
export function seenByKey(ip: string | null): string {
  return `ec:seen-by:${ip}`;
}

/** The cookies of a page's Prebid.js that were read for an id. */
export function eidsKey(
  id: string,
  { eids, sharedId }: { eids: string | null; sharedId: string | null },
): string {
  return `ec:eids:${id}:${eids}:${sharedId}`;
}

/** The cookies of pages' Prebid.js that were read from one address. */
export function eidsByKey(ip: string | null): string {
  return `ec:eids-by:${ip}`;
}

/** The unknown ids that one address had looked up by pixels. */
export function strangersKey(ip: string | null): string {
  return `ec:strangers:${ip}`;
}

/**
 * The pause in which no partner is due for an id.
 * @param generation counts the changes of the partners; each change ends all pauses.
 */
export function pauseKey(generation: number, id: string): string {
  return `ec:pause:${generation}:${id}`;
}

/** The ids minted for one EC hash, which is one address. */
export function mintKey(hash: string): string {
  return `ec:mint:${hash}`;
}

/** The unknown ids of one EC hash that were adopted. */
export function adoptKey(hash: string): string {
  return `ec:adopt:${hash}`;
}

/** The ids of other addresses that one address ended. */
export function endKey(ip: string | null): string {
  return `ec:end:${ip}`;
}

/** The pulls of all partners for one EC hash together: the group that a limiter counts in one step. */
export function pullGroupKey(hash: string): string {
  return `ec:pulls:${hash}`;
}

/** The pulls from one partner for one EC hash. */
export function pullKey(partner: string, hash: string): string {
  return `ec:pull:${partner}:${hash}`;
}

/** The pixels of one partner for one EC hash. */
export function pixelKey(partner: string, hash: string): string {
  return `ec:pixel:${partner}:${hash}`;
}

/** The lists of pixels for one EC hash. */
export function pixelListKey(hash: string): string {
  return `ec:pixel-list:${hash}`;
}

/** The batch uploads of one partner. */
export function batchKey(partner: string): string {
  return `ec:batch:${partner}`;
}

/** Asked once at the start, to find out whether the limiter answers. Nothing is taken. */
export const START_KEY = "ec:start";
