/**
 * Cookies in a service worker. Browsers keep `Cookie` and `Set-Cookie` out of the headers that it sees, so they are read
 * and written through the Cookie Store API, which has no HttpOnly cookies.
 * @module
 */

import type { Finalization } from "../../../runtime/ec/finalize.ts";
import type { EcCookie } from "../../../runtime/ec/request/cookie.ts";
import { SIGNAL_COOKIES } from "../../../runtime/ec/request/signals.ts";
import { scope } from "./scope.ts";

/** Whether this browser lets a service worker at its cookies. */
export const hasCookies = () => scope.cookieStore !== undefined;

/** What a server would see in `Cookie`. */
export async function cookieHeader(): Promise<string> {
  const cookies = await scope.cookieStore!.getAll();
  return cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
}

/** What the end of a request does to the visitor's cookie. `null`: nothing. */
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
 * Makes that change, with the attributes that the cookie has everywhere; `Secure` is the API's own doing.
 * @throws {TypeError} if the page is not of this domain.
 */
export async function changeCookie(
  change: { id: string } | "delete",
  { name, domain, maxAgeSeconds }: EcCookie,
  nowMs: number,
): Promise<void> {
  const cookie = { name, domain, path: "/" };
  if (change === "delete") return scope.cookieStore!.delete(cookie);
  const expires = nowMs + maxAgeSeconds * 1000;
  return scope.cookieStore!.set({ ...cookie, value: change.id, sameSite: "lax", expires });
}

/** Has the service worker woken when a page's consent changes. */
export async function watchConsent(): Promise<void> {
  const url = scope.registration.scope;
  await scope.registration.cookies?.subscribe(SIGNAL_COOKIES.map((name) => ({ name, url })));
}
