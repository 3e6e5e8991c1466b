/**
 * The identity in an OpenRTB 2.6 bid request.
 * @module
 */
import { isObject, type JsonObject } from "../json.ts";
import { type Eid, type SharedId, toEids } from "./eids.ts";
import { mergeEids } from "./merge-eids.ts";

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
 * The request with `user.id`, `user.eids` and `user.consent`. Our EIDs come first, then those that the request has. What
 * else it says of the user stays, except for what would contradict: a TC string of ours replaces `user.ext.consent`, where
 * OpenRTB 2.5 had it, as well.
 */
export function withIdentity(request: JsonObject, { ec, ids, tcf }: AuctionIdentity): JsonObject {
  const user = withEidsInOnePlace(isObject(request.user) ? request.user : {}, toEids(ids));
  return {
    ...request,
    user: {
      ...(tcf === null ? user : withoutExt(user, "consent")),
      id: ec,
      ...(tcf === null ? {} : { consent: tcf }),
    },
  };
}

/**
 * The request with its EIDs where OpenRTB 2.6 has them. A server that is given both `user.eids` and `user.ext.eids`, the
 * place of OpenRTB 2.5, may read one and drop the other.
 */
export function withoutSecondPlace(request: JsonObject): JsonObject {
  return isObject(request.user) ? { ...request, user: withEidsInOnePlace(request.user, []) } : request;
}

/** The user with everything of `ours`, of `user.eids` and of `user.ext.eids` in `user.eids`. */
function withEidsInOnePlace(user: JsonObject, ours: readonly Eid[]): JsonObject {
  const older = isObject(user.ext) ? user.ext.eids : undefined;
  const eids = mergeEids(ours, listIn(user.eids), listIn(older));
  // A member that is no list holds no EIDs: it is the endpoint's to judge, unless there are some to put in its place.
  return {
    ...(Array.isArray(older) ? withoutExt(user, "eids") : user),
    ...(eids.length === 0 ? {} : { eids }),
  };
}

const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The user without one member of its `ext`, and without an `ext` that has no other. */
function withoutExt(user: JsonObject, name: string): JsonObject {
  if (!isObject(user.ext) || !Object.hasOwn(user.ext, name)) return user;
  const { ext, ...rest } = user;
  const { [name]: _, ...others } = ext as JsonObject;
  return Object.keys(others).length === 0 ? rest : { ...rest, ext: others };
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
