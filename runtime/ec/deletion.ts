/**
 * Deletion: who may have which identity forgotten.
 * @module
 */
import type { EcContext } from "./context.ts";

/** Whose identity a visitor's own browser may have forgotten. */
export type VisitorDeletion =
  /** The cookie's id: its entry and the cookie go. */
  | { outcome: "entry"; id: string }
  /** A cookie that holds no id: only the cookie goes. */
  | { outcome: "cookie" }
  /** No cookie: nothing shows that there is anything of this visitor's. */
  | { outcome: "unproven" };

/**
 * What a visitor's request for deletion comes to. The cookie alone proves that an id is the visitor's: browsers send it
 * on their own, and never across sites. An id in the header proves nothing.
 */
export function visitorDeletion({ cookieId, cookieWasPresent }: EcContext): VisitorDeletion {
  if (cookieId !== null) return { outcome: "entry", id: cookieId };
  return { outcome: cookieWasPresent ? "cookie" : "unproven" };
}
