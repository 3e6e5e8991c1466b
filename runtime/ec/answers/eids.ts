/**
 * Extended ids: partners' own ids for a visitor in the form of OpenRTB 2.6, for pages and auctions.
 * @module
 */
import type { GraphEntry } from "../graph/entry.ts";
import type { Partner } from "../partners/partner.ts";
import type { Registry } from "../partners/registry.ts";
import { jsonOf, textsOf } from "./partner-texts.ts";

/** Maximum length of `x-ts-eids`, in bytes. */
export const MAX_EIDS_HEADER_BYTES = 4096;

/** One partner's id for a visitor, with the partner. */
export interface SharedId {
  partner: Partner;
  uid: string;
  /** When the partner gave it, in seconds since the epoch. */
  synced: number;
}

/** One source's ids (OpenRTB 2.6, object EID). */
export interface Eid {
  source: string;
  uids: { id: string; atype: number }[];
}

/**
 * The ids of an entry that may go into the bidstream, newest first: those of partners with `bidstreamEnabled`. A tombstone has
 * none.
 * @param mayShare whether the visitor's consent permits a partner to have its id there.
 */
export function sharedIds(
  entry: GraphEntry | null,
  registry: Pick<Registry, "get">,
  mayShare: (partner: Partner) => boolean,
): SharedId[] {
  if (entry === null || !entry.consent.ok) return [];
  const shared: SharedId[] = [];
  for (const id of Object.keys(entry.ids)) {
    const { uid, synced, generation } = entry.ids[id]!;
    const partner = registry.get(id);
    // An earlier partner under the same partner id gave it.
    if (partner?.bidstreamEnabled && partner.generation === generation && mayShare(partner)) {
      shared.push({ partner, uid, synced });
    }
  }
  return shared.sort((a, b) => b.synced - a.synced || (a.partner.id < b.partner.id ? -1 : 1));
}

/** The same ids by source; partners of one source share an object, and one id if theirs are the same. */
export function toEids(ids: readonly SharedId[]): Eid[] {
  const bySource = new Map<string, Eid>();
  for (const { partner, uid } of ids) {
    const source = partner.sourceDomain!; // no record is valid that is in the bidstream without one
    const uids = { id: uid, atype: partner.openrtbAtype };
    const eid = bySource.get(source);
    if (eid === undefined) bySource.set(source, { source, uids: [uids] });
    else if (!eid.uids.some(({ id, atype }) => id === uids.id && atype === uids.atype)) eid.uids.push(uids);
  }
  return [...bySource.values()];
}

/**
 * The JSON of {@link toEids}. Where no two partners have one source, it is written without the objects, in two thirds of the time.
 * @param uids the JSON of each id, if it exists already.
 */
export function eidsJson(ids: readonly SharedId[], uids = ids.map(({ uid }) => jsonOf(uid))): string {
  const sources = new Set<string>();
  const eids: string[] = [];
  for (let i = 0; i < ids.length; i++) {
    const { partner } = ids[i]!;
    const source = partner.sourceDomain!;
    if (sources.has(source)) return JSON.stringify(toEids(ids));
    sources.add(source);
    const { eidStart, eidEnd } = textsOf(partner);
    eids.push(eidStart + uids[i] + eidEnd);
  }
  return `[${eids.join(",")}]`;
}

/**
 * The value of `x-ts-eids`: base64 of the JSON of the newest ids, as many as fit.
 * @param all the JSON of all ids, if it exists already.
 * @returns `value: null` if there is none.
 */
export function eidsHeader(
  ids: readonly SharedId[],
  all = eidsJson(ids),
): { value: string | null; truncated: boolean } {
  if (ids.length === 0) return { value: null, truncated: false };
  const encode = (count: number) => base64(eidsJson(ids.slice(0, count)));
  const whole = base64(all);
  if (whole.length <= MAX_EIDS_HEADER_BYTES) return { value: whole, truncated: false };
  // By halving: an entry may hold thousands of ids.
  let fitting = 0;
  for (let tooMany = ids.length; tooMany - fitting > 1; ) {
    const middle = (fitting + tooMany) >> 1;
    if (encode(middle).length <= MAX_EIDS_HEADER_BYTES) fitting = middle;
    else tooMany = middle;
  }
  return { value: fitting === 0 ? null : encode(fitting), truncated: true };
}

const encoder = new TextEncoder();

/** Base64 of a text's UTF-8. */
function base64(text: string): string {
  const bytes = encoder.encode(text);
  if (bytes.length === text.length) return btoa(text); // all of it is ASCII
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
