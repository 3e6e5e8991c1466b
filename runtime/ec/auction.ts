/**
 * The identity in an OpenRTB 2.6 bid request.
 * @module
 */
import { isObject, type JsonObject } from "../json.ts";
import { type Eid, type SharedId, toEids } from "./eids.ts";

/** What an auction may know of the visitor. */
export interface AuctionIdentity {
  ec: string;
  ids: readonly SharedId[];
  /** The TC string that the visitor sent, if there is one. */
  tcf: string | null;
}

/** What keeps a body from being a bid request that we can add to; `null`: nothing. */
export function bidRequestFault(body: unknown): string | null {
  if (!isObject(body)) return "the body must be a JSON object, an OpenRTB 2.6 bid request";
  const { user } = body;
  if (user === undefined || user === null || isObject(user)) return null;
  return "user must be an object (OpenRTB 2.6, object User)";
}

/**
 * The request with `user.id`, `user.eids` and `user.consent`. Whatever else it says of the user stays; of ids that it
 * has already none is doubled.
 */
export function withIdentity(request: JsonObject, { ec, ids, tcf }: AuctionIdentity): JsonObject {
  const user = isObject(request.user) ? request.user : {};
  const eids = mergeEids(toEids(ids), Array.isArray(user.eids) ? user.eids : []);
  return {
    ...request,
    user: {
      ...user,
      id: ec,
      ...(eids.length === 0 ? {} : { eids }),
      ...(tcf === null ? {} : { consent: tcf }),
    },
  };
}

/**
 * The request without anything of ours that a page may have put in on an earlier visit: an EC id as `user.id`, and the
 * ids of our partners' sources, where OpenRTB 2.6 has them and where 2.5 had them.
 */
export function withoutIdentity(
  request: JsonObject,
  isEcId: (text: string) => boolean,
  isOurSource: (source: string) => boolean,
): JsonObject {
  if (!isObject(request.user)) return request;
  const isOurs = (eid: unknown) => isObject(eid) && typeof eid.source === "string" && isOurSource(eid.source);
  const cleaned = (holder: JsonObject): JsonObject =>
    Array.isArray(holder.eids) ? { ...holder, eids: holder.eids.filter((eid) => !isOurs(eid)) } : holder;

  const { id, ...user } = cleaned(request.user);
  const isOurId = typeof id === "string" && isEcId(id);
  return {
    ...request,
    user: {
      ...user,
      ...(id === undefined || isOurId ? {} : { id }),
      ...(isObject(user.ext) ? { ext: cleaned(user.ext) } : {}),
    },
  };
}

/** Ours first; what the request has of the same source joins ours, unless it is the same id. */
function mergeEids(ours: readonly Eid[], theirs: readonly unknown[]): unknown[] {
  const merged: unknown[] = [...ours];
  for (const eid of theirs) {
    const at = isObject(eid) ? ours.findIndex(({ source }) => source === eid.source) : -1;
    if (at === -1) {
      merged.push(eid);
      continue;
    }
    const { uids, ...rest } = eid as JsonObject;
    const first = merged[at] as JsonObject & Eid;
    const more = (Array.isArray(uids) ? uids : []).filter(
      (uid) => !first.uids.some((known) => isObject(uid) && known.id === uid.id),
    );
    merged[at] = { ...rest, ...first, uids: [...first.uids, ...more] };
  }
  return merged;
}
