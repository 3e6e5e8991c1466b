/**
 * millrace in a browser's service worker, for a site that has no edge: the visitor's own device is the service, its
 * IndexedDB the store.
 * @module
 */
import { clientsClaim } from "workbox-core/clientsClaim.js";
import { toHex } from "../../runtime/lib/hex.ts";
import { hasCookies, watchConsent } from "../ec/browser/cookies.ts";
import { host } from "../ec/browser/host.ts";
import { type BrowserOptions, configOf } from "../ec/browser/options.ts";
import { type LongEvent, scope } from "../ec/browser/scope.ts";
import { Visits } from "../ec/browser/visits.ts";
import { parseConfig } from "../ec/config.ts";
import { routeKind } from "../ec/route-kind.ts";

/** The name under which the browser is asked to tell when the device is online again. */
const SYNC_TAG = "millrace";
/** What pages are made of needs no identity, and must not wait for a service worker. */
const PARTS_OF_PAGES = new Set(
  "image style script font audio video track manifest worker sharedworker object embed xslt json".split(" "),
);
/** The one route below `/_ts/` that a visitor has a use for; all others are for servers. */
const DELETION_PATH = "/_ts/api/v1/identity";

/** What may be said beside the configuration. */
export interface BrowserServeOptions {
  /** Answers the requests for pages; left out, the network does. */
  site?: (request: Request) => Promise<Response>;
}

/**
 * Makes the service worker that calls it the site's identity service. To be called while the worker's script first runs.
 *
 * Pages are answered by the site and only accompanied; `/identify`, `/sync`, `/auction` and the deletion of the visitor's
 * own identity are answered on the device. In a browser that lets no service worker at its cookies it does nothing.
 *
 * @param options the configuration, without secrets: every visitor can read it.
 * @throws {ConfigError} naming every fault of the configuration at once; {Error} naming a secret in it.
 *
 * @example
 * ```ts
 * import { serve } from "millrace/browser";
 * serve({ publisher: { domain: "example.com" }, clientUrl: "/client.json" });
 * ```
 */
export function serve(options: BrowserOptions, { site = fetch }: BrowserServeOptions = {}): void {
  parseConfig(configOf(options, randomText()));
  const visits = new Visits(options);
  const visit = async (event: LongEvent) => {
    if (hasCookies()) await visits.withoutPage(event);
  };

  scope.addEventListener("install", (event) => event.waitUntil(scope.skipWaiting()));
  clientsClaim();
  scope.addEventListener("activate", (event) => {
    event.waitUntil(Promise.all([visits.removeOldCaches(), watchConsent()]).finally(() => visit(event)));
  });
  scope.addEventListener("cookiechange", (event) => event.waitUntil(visit(event)));
  scope.addEventListener("sync", (event) => {
    if (event.tag === SYNC_TAG) event.waitUntil(visit(event));
  });

  scope.addEventListener("fetch", (event) => {
    const { method, url, destination } = event.request;
    const { origin, pathname, search } = new URL(url);
    if (origin !== scope.location.origin || !hasCookies()) return;
    const route = routeKind(url);
    if (route === "organic") {
      if (PARTS_OF_PAGES.has(destination)) return;
      if (!scope.navigator.onLine) event.waitUntil(visitWhenOnline());
      event.respondWith(visits.page(event, site));
    } else if (pathname === "/identify" && method === "GET" && search === "") {
      event.respondWith(visits.identify(event));
    } else if (route === "service" || pathname === DELETION_PATH) {
      event.respondWith(visits.own(event));
    }
  });
}

/** What waits for the network happens when that is there again, or, where browsers do not tell, with the next page. */
async function visitWhenOnline(): Promise<void> {
  await scope.registration.sync?.register(SYNC_TAG).catch(() => {});
}

/** A passphrase to check the configuration with; the device's own is not at hand yet. */
function randomText(): string {
  const bytes = new Uint8Array(16);
  host.random.fill(bytes);
  return toHex(bytes);
}

export type { BrowserOptions } from "../ec/browser/options.ts";
