/**
 * Cookies in a service worker. It does not see `Cookie` and `Set-Cookie`, so it uses the Cookie Store API, which has no
 * HttpOnly cookies.
 * @module
 */

import type { Finalization } from "../../../runtime/ec/finalize.ts";
import { EC_COOKIE } from "../../../runtime/ec/request/cookie.ts";
import { SIGNAL_COOKIES } from "../../../runtime/ec/request/signals.ts";
import { scope } from "./scope.ts";

const YEAR_MS = 31_536_000_000;

/** Whether a service worker can use cookies in this browser. */
export const hasCookies = () => scope.cookieStore !== undefined;

/** The value of `Cookie` that a server would see. */
export async function cookieHeader(): Promise<string> {
  const cookies = await scope.cookieStore!.getAll();
  return cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
}

/** The change of the cookie at the end of a request; `null` if there is none. */
export function cookieChange(end: Finalization): { id: string } | "delete" | null {
  switch (end.branch) {
    case "withdrawal":
    case "erasure":
      return "delete";
    case "new":
      return { id: end.id };
    case "returning":
      return end.restoreCookie ? { id: end.id } : null;
    default:
      return null;
  }
}

/**
 * Changes the cookie, with the same attributes as on a server. The API adds `Secure`.
 * @throws {TypeError} if the page does not belong to this domain.
 */
export async function changeCookie(
  change: { id: string } | "delete",
  domain: string,
  nowMs: number,
): Promise<void> {
  const cookie = { name: EC_COOKIE, domain, path: "/" };
  if (change === "delete") return scope.cookieStore!.delete(cookie);
  return scope.cookieStore!.set({ ...cookie, value: change.id, sameSite: "lax", expires: nowMs + YEAR_MS });
}

/** Subscribes to changes of the consent cookies. */
export async function watchConsent(): Promise<void> {
  const url = scope.registration.scope;
  await scope.registration.cookies?.subscribe(SIGNAL_COOKIES.map((name) => ({ name, url })));
}
