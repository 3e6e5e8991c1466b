/**
 * Merges lists of EIDs (OpenRTB 2.6, object EID) that come from several places.
 * @module
 */
import { isObject, type JsonObject } from "../../lib/json.ts";

/** An EID under construction. */
interface Merged extends JsonObject {
  uids: unknown[];
}

/** EIDs whose `source`, `inserter`, `matcher` and `mm` agree, by the JSON of their other members. */
type Alike = Map<string, Merged>;

const NO_OTHERS = "{}";

/**
 * Puts several lists of EIDs into one.
 *
 * EIDs are merged only if `source` (a host name, compared without case), `inserter`, `matcher` and `mm` agree, and their
 * other members, such as `ext`, do too, or one has no others. The first of two uids with the same `id` stays. Order is
 * kept: what comes first stays first. A value that is no EID (no object, no `source`, no list `uids`) is kept as
 * it is, for the endpoint. The given lists are not changed.
 *
 * @throws {RangeError} if a member is nested deeper than the host can write.
 */
export function mergeEids(...lists: readonly (readonly unknown[])[]): unknown[] {
  const all: unknown[] = [];
  const byKey = new Map<string, Alike>();
  const idsOf = new Map<Merged, Set<string>>();

  for (const eid of lists.flat()) {
    if (!isEid(eid)) {
      all.push(eid);
      continue;
    }
    const { source, inserter, matcher, mm, uids, ...others } = eid;
    // An absent member and one that is null are the same.
    const key = JSON.stringify([source.toLowerCase(), inserter ?? null, matcher ?? null, mm ?? null]);
    const alike: Alike = byKey.get(key) ?? new Map();
    byKey.set(key, alike);
    let merged = placeFor(others, alike);
    if (merged === null) {
      merged = { ...eid, uids: [] };
      all.push(merged);
      alike.set(JSON.stringify(others), merged);
      idsOf.set(merged, new Set());
    }
    addUids(merged.uids, idsOf.get(merged)!, uids);
  }
  return all;
}

function isEid(value: unknown): value is JsonObject & { source: string; uids: unknown[] } {
  return isObject(value) && typeof value.source === "string" && Array.isArray(value.uids);
}

/** The EID that one with these other members is merged into; `null`: none. */
function placeFor(others: JsonObject, alike: Alike): Merged | null {
  const text = JSON.stringify(others);
  const same = alike.get(text);
  if (same !== undefined) return same;
  if (text === NO_OTHERS) return alike.values().next().value ?? null;
  const bare = alike.get(NO_OTHERS);
  if (bare === undefined) return null;
  Object.assign(bare, others);
  alike.delete(NO_OTHERS);
  alike.set(text, bare);
  return bare;
}

function addUids(uids: unknown[], known: Set<string>, more: readonly unknown[]): void {
  for (const uid of more) {
    const id = isObject(uid) ? uid.id : undefined;
    if (typeof id === "string") {
      if (known.has(id)) continue;
      known.add(id);
    }
    uids.push(uid);
  }
}
