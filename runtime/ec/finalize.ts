/**
 * The one place that writes identity to a response.
 * @module
 */
import { allowsEcCreation } from "./consent.ts";
import { EC_HEADER, type EcContext } from "./context.ts";
import { deleteCookieHeader, setCookieHeader } from "./cookie.ts";

/** What a request's end has to do; exactly one of these for each request. */
export type Finalization =
  /** Consent does not allow and a cookie was there: delete it, and let tombstones take the place of these ids. */
  | { branch: "withdrawal"; tombstones: string[] }
  /** Consent does not allow: no trace of an identity in the response, nothing else. */
  | { branch: "denied" }
  /** Consent allows and the visitor has an id; `restoreCookie` if their cookie holds another one. */
  | { branch: "returning"; id: string; restoreCookie: boolean }
  /** This request minted the id. */
  | { branch: "new"; id: string }
  /** This request deleted the identity: delete the cookie too, and leave nothing in the graph. */
  | { branch: "erasure" }
  /** Consent allows but there is no id: one of the service's own routes, or no address. */
  | { branch: "anonymous" };

/** Decides how a request ends, from what was read and minted alone. */
export function decideFinalization(context: EcContext): Finalization {
  const { consent, cookieWasPresent, cookieId, headerId, activeId, ecGenerated, erased } = context;
  if (erased) return { branch: "erasure" };
  if (!allowsEcCreation(consent)) {
    // An unknown jurisdiction is a fault of geography, not a choice: an outage must not erase an audience.
    if (!cookieWasPresent || consent.jurisdiction === "unknown") return { branch: "denied" };
    const tombstones = [...new Set([cookieId, headerId])].filter((id) => id !== null);
    return { branch: "withdrawal", tombstones };
  }
  if (activeId === null) return { branch: "anonymous" };
  if (ecGenerated) return { branch: "new", id: activeId };
  return { branch: "returning", id: activeId, restoreCookie: cookieWasPresent && cookieId !== activeId };
}

/** Response headers that begin like the service's own but belong to the publisher's infrastructure. */
const FOREIGN = new Set(["x-ts-version", "x-ts-env", "x-ts-ts"]);

/**
 * The response with the finalization's headers. A response that needs none is returned as it is; a body is never
 * read and keeps streaming.
 * @param domain the publisher's domain, for the cookie.
 */
export function applyFinalization(response: Response, finalization: Finalization, domain: string): Response {
  switch (finalization.branch) {
    case "anonymous":
      return response;
    case "denied":
      return hasEcHeader(response.headers) ? withHeaders(response, stripEcHeaders) : response;
    case "withdrawal":
    case "erasure":
      return withHeaders(response, (headers) => {
        stripEcHeaders(headers);
        headers.append("set-cookie", deleteCookieHeader(domain));
        forbidSharedCaching(headers);
      });
    case "returning":
      if (!finalization.restoreCookie) return response;
      return withHeaders(response, (headers) => {
        headers.append("set-cookie", setCookieHeader(finalization.id, domain));
        forbidSharedCaching(headers);
      });
    case "new":
      return withHeaders(response, (headers) => {
        headers.append("set-cookie", setCookieHeader(finalization.id, domain));
        headers.set(EC_HEADER, finalization.id);
        forbidSharedCaching(headers);
      });
  }
}

function isEcHeader(name: string): boolean {
  return name.startsWith("x-ts-") && !FOREIGN.has(name);
}

function hasEcHeader(headers: Headers): boolean {
  for (const name of headers.keys()) if (isEcHeader(name)) return true;
  return false;
}

function stripEcHeaders(headers: Headers): void {
  for (const name of [...headers.keys()]) if (isEcHeader(name)) headers.delete(name);
}

/**
 * Keeps a response that sets a cookie out of shared caches (RFC 9111): `private` instead of what allows them, and
 * none of the header fields that only shared caches obey.
 */
function forbidSharedCaching(headers: Headers): void {
  for (const name of ["surrogate-control", "cdn-cache-control"]) headers.delete(name);
  const directives = ((headers.get("cache-control") ?? "").match(/(?:[^,"]|"[^"]*")+/g) ?? [])
    .map((directive) => directive.trim())
    .filter((directive) => directive !== "");
  const names = directives.map((directive) => directive.split("=")[0]!.trim().toLowerCase());
  if (names.includes("no-store")) return;
  const shared = new Set(["public", "s-maxage", "proxy-revalidate", "private"]);
  const kept = directives.filter((_, index) => !shared.has(names[index]!));
  headers.set("cache-control", ["private", ...kept].join(", "));
}

/** A copy with changed headers around the same body: a response that came from the network has immutable ones. */
function withHeaders(response: Response, change: (headers: Headers) => void): Response {
  const copy = new Response(response.body, response);
  change(copy.headers);
  return copy;
}
