/**
 * A browser's service worker as a host.
 * @module
 */
import { storeLimiter } from "../../../runtime/limiters/store.ts";
import type { Fetch, Store } from "../../../runtime/platform.ts";
import { indexedDbStore } from "../../../runtime/stores/indexeddb.ts";
import { createHotPath } from "../../../wasm/hotpath.ts";
import { inlineKernels } from "../../../wasm/inline.ts";
import type { Host } from "../../hosts/host.ts";
import { createSystemClock } from "../../hosts/system-clock.ts";
import { withRoom } from "./identify-cache.ts";
import type { LongEvent } from "./scope.ts";

/** The arguments of the wrapped handler besides the request: the event, and the page that is already loading. */
export type BrowserArgs = [event: LongEvent, page: () => Promise<Response>];

/** Maximum number of rate-limit windows. One device needs few. */
const MAX_KEYS = 1000;

const clock = createSystemClock();

/** A fetch without a token, which every visitor could read, and without cookies. */
const fetchBare: Fetch = (url, init = {}) => {
  const headers = new Headers(init.headers);
  headers.delete("authorization");
  return fetch(url, { ...init, headers, credentials: "omit" });
};

function openStore(url: string): Store {
  if (!/^indexeddb:./.test(url)) throw new Error("a browser has no such store; it has indexeddb:NAME");
  const store = indexedDbStore({ name: url.slice("indexeddb:".length), clock });
  return { ...store, put: (key, value, options) => withRoom(() => store.put(key, value, options)) };
}

export const host: Host<BrowserArgs> = {
  name: "browser",
  logLevel: "warn",
  writeLog: (line) => console.error(line),
  defaultStore: "indexeddb:millrace",
  clock,
  random: { fill: (target) => crypto.getRandomValues(target) },
  fetch: (url, init) => fetch(url, init),
  fetchPublic: () => fetchBare,
  livesBetweenRequests: false,
  createHotPath: (options) => createHotPath(inlineKernels(), { maxKeys: MAX_KEYS, ...options }),
  storeFault: (url) => (/^indexeddb:./.test(url) ? null : "indexeddb:NAME in a browser"),
  limiterFault: () => null,
  openStore,
  // A service worker ends after half a minute without events, and loses its memory.
  openLimiter: () => storeLimiter(openStore(host.defaultStore), clock),
  address: () => null,
  background: ([event]) => event,
};
