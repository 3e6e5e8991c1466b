/**
 * The one place that writes identity to a response.
 * @module
 */
import { copyResponse } from "../lib/copy-response.ts";
import { allowsEcCreation, isWithdrawal } from "./request/consent.ts";
import { EC_HEADER, type EcContext } from "./request/context.ts";
import { deleteCookieHeader, type EcCookie, setCookieHeader } from "./request/cookie.ts";

/** How a request ends: exactly one of these for each request. */
export type Finalization =
  /** Consent does not allow an id and there was a cookie: delete the cookie, and replace the entries of these ids by tombstones. */
  | { readonly branch: "withdrawal"; readonly tombstones: readonly string[] }
  /** Consent does not allow an id, and nothing is taken away: the response carries no identity. */
  | { readonly branch: "denied" }
  /** Consent allows an id and the visitor has one; `restoreCookie`: the cookie holds another one. */
  | { readonly branch: "returning"; readonly id: string; readonly restoreCookie: boolean }
  /** This request minted the id. */
  | { readonly branch: "new"; readonly id: string }
  /** This request deleted the identity: delete the cookie, and write nothing to the graph. */
  | { readonly branch: "erasure" }
  /** Consent allows an id but there is none: a route of the service itself, or no address. */
  | { readonly branch: "anonymous" };

/**
 * Decides how a request ends.
 * @param isErased the visitor had their identity deleted by this request.
 */
export function decideFinalization(context: EcContext, isErased: boolean): Finalization {
  const { consent, cookieWasPresent, cookieId, otherCookieIds = [], headerId, activeId } = context;
  if (isErased) return { branch: "erasure" };
  if (!allowsEcCreation(consent)) {
    if (!cookieWasPresent || !isWithdrawal(consent)) return { branch: "denied" };
    const tombstones = [...new Set([cookieId, ...otherCookieIds, headerId])].filter((id) => id !== null);
    return { branch: "withdrawal", tombstones };
  }
  if (activeId === null) return { branch: "anonymous" };
  if (context.ecGenerated) return { branch: "new", id: activeId };
  return { branch: "returning", id: activeId, restoreCookie: cookieWasPresent && cookieId !== activeId };
}

/** Response headers with the service's prefix that belong to the publisher's infrastructure. */
const FOREIGN = new Set(["x-ts-version", "x-ts-env", "x-ts-ts"]);

/** What a finalization changes in a response's header fields. The body is never read and keeps streaming. */
export interface HeaderChange {
  /** The response sets or deletes an identity, so shared caches must not store it. */
  readonly isPrivate: boolean;
  /** The service's own fields are removed. */
  readonly stripsEcFields: boolean;
  /** Fields to add, name and value. A field other than `set-cookie` replaces the one with its name. */
  readonly adds: readonly (readonly [name: string, value: string])[];
}

/** What a finalization changes in the response; `null`: nothing. */
export function headerChange(finalization: Finalization, cookie: EcCookie): HeaderChange | null {
  switch (finalization.branch) {
    case "anonymous":
      return null;
    case "denied":
      return STRIPS;
    case "withdrawal":
    case "erasure":
      return {
        isPrivate: true,
        stripsEcFields: true,
        adds: [["set-cookie", deleteCookieHeader(cookie)]],
      };
    case "returning":
      if (!finalization.restoreCookie) return null;
      return {
        isPrivate: true,
        stripsEcFields: false,
        adds: [["set-cookie", setCookieHeader(finalization.id, cookie)]],
      };
    case "new":
      return {
        isPrivate: true,
        stripsEcFields: false,
        adds: [
          ["set-cookie", setCookieHeader(finalization.id, cookie)],
          [EC_HEADER, finalization.id],
        ],
      };
  }
}

const STRIPS: HeaderChange = { isPrivate: false, stripsEcFields: true, adds: [] };

/** The response with changed headers: the same object if nothing changes, else a copy with the same body. */
export function changedResponse(response: Response, change: HeaderChange | null): Response {
  if (change === null) return response;
  if (!change.isPrivate && !hasEcHeader(response.headers)) return response;
  return withHeaders(response, (headers) => changeHeaders(headers, change));
}

function changeHeaders(headers: Headers, { isPrivate, stripsEcFields, adds }: HeaderChange): void {
  if (stripsEcFields) stripEcHeaders(headers);
  for (const [name, value] of adds) {
    if (name === "set-cookie") headers.append(name, value);
    else headers.set(name, value);
  }
  if (isPrivate) forbidSharedCaching(headers);
}

/**
 * A list of fields with the same changes, for hosts that write responses without `Response`.
 * @param list flat, name and value in turn; names in any case.
 */
export function changedFields(list: readonly string[], change: HeaderChange | null): readonly string[] {
  if (change === null) return list;
  const { isPrivate, stripsEcFields, adds } = change;
  const kept: string[] = [];
  let cacheControl: string | null = null;
  for (let i = 0; i < list.length; i += 2) {
    const [given, value] = [list[i]!, list[i + 1]!];
    const name = given.toLowerCase();
    if (stripsEcFields && isEcHeader(name)) continue;
    if (isPrivate && isSharedCacheField(name)) continue;
    if (isPrivate && name === "cache-control") {
      cacheControl = cacheControl === null ? value : `${cacheControl}, ${value}`;
      continue;
    }
    if (adds.some(([added]) => added === name && added !== "set-cookie")) continue;
    kept.push(given, value);
  }
  for (const [name, value] of adds) kept.push(name, value);
  if (isPrivate) kept.push("cache-control", privateCacheControl(cacheControl));
  return kept;
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

/** Fields that some shared caches obey before `Cache-Control`, and whose names do not end in `-cache-control`. */
const SHARED_CACHE_FIELDS = new Set(["surrogate-control", "edge-control", "x-accel-expires"]);
/** Directives for shared caches only, and `private`, which is written again. */
const SHARED_CACHE_DIRECTIVES = new Set(["public", "s-maxage", "proxy-revalidate", "private"]);

/**
 * Whether a header field is for shared caches only, so that `Cache-Control: private` would not bind them: the targeted fields of
 * RFC 9213, every name that ends in `-cache-control`, and older fields of some caches. `Expires` and `Pragma` are not among them:
 * `Cache-Control` overrides both (RFC 9111, 5.3 and 5.4).
 * @param name in lower case.
 */
export function isSharedCacheField(name: string): boolean {
  return name.endsWith("-cache-control") || SHARED_CACHE_FIELDS.has(name);
}

/**
 * The `Cache-Control` that keeps a response out of shared caches (RFC 9111, 5.2.2): `private` in place of the directives for shared
 * caches. A value with `no-store` forbids more and stays as it is.
 * @param value the response's own; several fields joined by commas; `null`: there is none.
 */
export function privateCacheControl(value: string | null): string {
  const directives = ((value ?? "").match(/(?:[^,"]|"[^"]*")+/g) ?? [])
    .map((directive) => directive.trim())
    .filter((directive) => directive !== "");
  const names = directives.map((directive) => directive.split("=")[0]!.trim().toLowerCase());
  if (names.includes("no-store")) return value!;
  const kept = directives.filter((_, index) => !SHARED_CACHE_DIRECTIVES.has(names[index]!));
  return ["private", ...kept].join(", ");
}

function forbidSharedCaching(headers: Headers): void {
  for (const name of [...headers.keys()]) if (isSharedCacheField(name)) headers.delete(name);
  headers.set("cache-control", privateCacheControl(headers.get("cache-control")));
}

/** A copy with changed headers and the same body: a response that came from the network has immutable headers. */
function withHeaders(response: Response, change: (headers: Headers) => void): Response {
  const copy = copyResponse(response);
  change(copy.headers);
  return copy;
}
