/**
 * Deletion: which identities a visitor's own request may delete.
 * @module
 */
import type { EcContext } from "../request/context.ts";

/** What a visitor's own browser may delete. */
export type VisitorDeletion =
  /** The entries of the cookies' ids, and the cookie. */
  | { outcome: "entries"; ids: string[] }
  /** Only the cookie: it holds no valid id. */
  | { outcome: "cookie" }
  /** Nothing: without a cookie, no id is shown to be this visitor's. */
  | { outcome: "unproven" };

/**
 * What a visitor's deletion request may delete. A cookie is the best evidence in a request that an id is the visitor's: browsers
 * send it by themselves, and never across sites. An id in the header is no evidence.
 */
export function visitorDeletion({
  cookieId,
  otherCookieIds = [],
  cookieWasPresent,
}: EcContext): VisitorDeletion {
  if (cookieId !== null) return { outcome: "entries", ids: [cookieId, ...otherCookieIds] };
  return { outcome: cookieWasPresent ? "cookie" : "unproven" };
}
