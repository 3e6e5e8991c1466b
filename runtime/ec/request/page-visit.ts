/**
 * Whether a request is a visit of a page. Ids are minted for those only: what a page loads by itself may come without the
 * cookie that its browser has, and would get an id, a row and a call of every partner each time.
 * @module
 */

/** What is looked at. */
export interface VisitRequest {
  readonly method: string;
  readonly headers: Pick<Headers, "get">;
}

/** Headers in which browsers say that nobody looks at the page yet. The last two are of browsers before `Sec-Purpose`. */
const PURPOSES = ["sec-purpose", "purpose", "x-moz"];

/**
 * Whether a request is a visit of a page, by Fetch Metadata where the browser sends it, else by method and `Accept`.
 *
 * - `GET`, or a form's `POST` from the site itself. A `POST` from another site comes without a `SameSite=Lax` cookie:
 *   minting would replace the visitor's id.
 * - Not prefetched or prerendered: that page may never be seen.
 * - `Sec-Fetch-Dest` has to be `document`. A frame belongs to a page that was visited; in a page of another site its request
 *   comes without the cookie.
 * - Without `Sec-Fetch-Dest` (old browsers, plain HTTP, programs): no `Origin`, which scripts, fonts and forms of other sites
 *   send, and an `Accept` that names HTML or, for a `GET`, accepts anything alike or is absent. Images, styles and media
 *   name what they want. A `Sec-Fetch-Mode` that comes alone may be `cors`: Node's `fetch` says so of all it sends.
 */
export function isPageVisit({ method, headers }: VisitRequest): boolean {
  if (method !== "GET" && method !== "POST") return false;
  if (PURPOSES.some((name) => /\b(?:prefetch|prerender|preview)\b/i.test(headers.get(name) ?? "")))
    return false;
  const sentTo = headers.get("sec-fetch-dest");
  const sentAs = headers.get("sec-fetch-mode");
  if (sentTo === null) {
    const mayBePage = sentAs === null || sentAs === "navigate" || sentAs === "cors";
    return mayBePage && headers.get("origin") === null && wantsPage(headers.get("accept"), method === "GET");
  }
  if (sentTo !== "document" || (sentAs !== null && sentAs !== "navigate")) return false;
  return method === "GET" || headers.get("sec-fetch-site") !== "cross-site";
}

function wantsPage(accept: string | null, anythingWillDo: boolean): boolean {
  if (accept === null) return anythingWillDo;
  const types = accept.split(",").map((range) => range.split(";", 1)[0]!.trim().toLowerCase());
  if (types.includes("text/html") || types.includes("application/xhtml+xml")) return true;
  return anythingWillDo && types.length === 1 && (types[0] === "*/*" || types[0] === "");
}
