/**
 * millrace in a browser's service worker, for a site without an edge: the visitor's device runs the service, and its IndexedDB
 * is the store.
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

/** Name of the background sync that the browser starts when the device is online again. */
const SYNC_TAG = "millrace";
/** Destinations of requests for parts of a page: they need no identity and must not wait for a service worker. */
const PARTS_OF_PAGES = new Set(
  "image style script font audio video track manifest worker sharedworker object embed xslt json".split(" "),
);
/** The only route below `/_ts/` for visitors; all others are for servers. */
const DELETION_PATH = "/_ts/api/v1/identity";

/** Options beside the configuration. */
export interface BrowserServeOptions {
  /** Answers requests for pages. Default: the network. */
  site?: (request: Request) => Promise<Response>;
}

/** Paths below `/_ts/` that the device answers. */
const OWN_PATHS = [DELETION_PATH, "/_ts/prebid.js", "/_ts/sync-pixels"];

/**
 * Makes the service worker that calls it the site's identity service. Call it while the worker's script first runs.
 *
 * The site answers pages. The device answers `/identify`, `/sync`, `/auction`, `/_ts/prebid.js`, `/_ts/sync-pixels` and
 * the deletion of the visitor's own identity.
 * Does nothing in a browser whose service workers cannot access cookies.
 *
 * @param options the configuration, without secrets, because every visitor can read it.
 * @throws {ConfigError} naming every fault of the configuration at once; {Error} naming a secret in it.
 *
 * @example
 * ```ts
 * import { serve } from "millrace/browser";
 * serve({ publisher: { domain: "example.com" }, clientUrl: "/client.json" });
 * ```
 */
export function serve(options: BrowserOptions, { site = fetch }: BrowserServeOptions = {}): void {
  const visits = new Visits(parseConfig(configOf(options, randomText())), options.clientUrl);
  // While the browser installs the site's first service worker. A later start has an event, which may need no identity.
  if (hasCookies() && scope.registration.active === null) visits.prepare();
  const visit = async (event: LongEvent) => {
    if (hasCookies()) await visits.withoutPage(event);
  };

  scope.addEventListener("install", (event) => event.waitUntil(scope.skipWaiting()));
  clientsClaim();
  scope.addEventListener("activate", (event) => {
    // The first page waits for this visit.
    const visited = watchConsent().finally(() => visit(event));
    event.waitUntil(visited.finally(() => visits.removeOldCaches()));
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
    } else if (route === "service" || OWN_PATHS.includes(pathname)) {
      event.respondWith(visits.own(event));
    }
  });
}

/** Runs the visit when the device is online again, or with the next page where browsers have no background sync. */
async function visitWhenOnline(): Promise<void> {
  await scope.registration.sync?.register(SYNC_TAG).catch(() => {});
}

/** A passphrase to check the configuration with, because the device's own is not read yet. */
function randomText(): string {
  const bytes = new Uint8Array(16);
  host.random.fill(bytes);
  return toHex(bytes);
}

export type { BrowserOptions } from "../ec/browser/options.ts";
