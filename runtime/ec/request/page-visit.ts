/**
 * Whether a request is a page visit. Only page visits get new ids: requests for a page's parts may come without the browser's cookie,
 * and each would get an id, a row and a call of every partner.
 * @module
 */

/** The part of a request that is read. */
export interface VisitRequest {
  readonly method: string;
  readonly headers: Pick<Headers, "get">;
}

/** Headers of browsers that load a page in advance. The last two are from browsers before `Sec-Purpose`. */
const PURPOSES = ["sec-purpose", "purpose", "x-moz"];

/**
 * Whether a request is a page visit, by Fetch Metadata if the browser sends it, else by method and `Accept`.
 *
 * - `GET`, or a form's `POST` from the site itself. A `POST` from another site comes without a `SameSite=Lax` cookie:
 *   minting would replace the visitor's id.
 * - Not prefetched or prerendered: that page may never be seen.
 * - `Sec-Fetch-Dest` has to be `document`. A frame belongs to a page that was visited; in a page of another site its request
 *   comes without the cookie.
 * - Without `Sec-Fetch-Dest` (old browsers, plain HTTP, programs): no `Origin`, which scripts, fonts and forms of other sites
 *   send, and an `Accept` that names HTML or, for a `GET`, accepts any type or is absent. Requests for images, styles and media name
 *   their types. A `Sec-Fetch-Mode` alone may be `cors`: Node's `fetch` sends it with every request.
 */
export function isPageVisit({ method, headers }: VisitRequest): boolean {
  if (method !== "GET" && method !== "POST") return false;
  // Most requests without an id are for a page's parts, and this field says so.
  const sentTo = headers.get("sec-fetch-dest");
  if (sentTo !== null && sentTo !== "document") return false;
  if (PURPOSES.some((name) => /\b(?:prefetch|prerender|preview)\b/i.test(headers.get(name) ?? "")))
    return false;
  const sentAs = headers.get("sec-fetch-mode");
  if (sentTo === null) {
    const mayBePage = sentAs === null || sentAs === "navigate" || sentAs === "cors";
    return mayBePage && headers.get("origin") === null && wantsPage(headers.get("accept"), method === "GET");
  }
  if (sentAs !== null && sentAs !== "navigate") return false;
  return method === "GET" || headers.get("sec-fetch-site") !== "cross-site";
}

function wantsPage(accept: string | null, acceptsAnything: boolean): boolean {
  if (accept === null) return acceptsAnything;
  const types = accept.split(",").map((range) => range.split(";", 1)[0]!.trim().toLowerCase());
  if (types.includes("text/html") || types.includes("application/xhtml+xml")) return true;
  return acceptsAnything && types.length === 1 && (types[0] === "*/*" || types[0] === "");
}
