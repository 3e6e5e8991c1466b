/**
 * Deletion: who may have which identity forgotten.
 * @module
 */
import type { EcContext } from "../request/context.ts";

/** Whose identity a visitor's own browser may have forgotten. */
export type VisitorDeletion =
  /** The ids of the cookies: their entries and the cookie go. */
  | { outcome: "entries"; ids: string[] }
  /** A cookie that holds no id: only the cookie goes. */
  | { outcome: "cookie" }
  /** No cookie: nothing shows that there is anything of this visitor's. */
  | { outcome: "unproven" };

/**
 * What a visitor's request for deletion comes to. A cookie shows that an id is the visitor's, as far as anything in a
 * request does: browsers send it on their own, and never across sites. An id in the header shows nothing.
 */
export function visitorDeletion({
  cookieId,
  otherCookieIds = [],
  cookieWasPresent,
}: EcContext): VisitorDeletion {
  if (cookieId !== null) return { outcome: "entries", ids: [cookieId, ...otherCookieIds] };
  return { outcome: cookieWasPresent ? "cookie" : "unproven" };
}
