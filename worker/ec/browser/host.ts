/**
 * A browser's service worker as a host.
 * @module
 */
import { storeLimiter } from "../../../runtime/limiters/store.ts";
import type { Fetch, Store } from "../../../runtime/platform.ts";
import { indexedDbStore } from "../../../runtime/stores/indexeddb.ts";
import { createHotPath } from "../../../wasm/hotpath.ts";
import { plainKernels } from "../../../wasm/plain.ts";
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

const database = indexedDbStore({ name: "millrace", clock });
/** The device's only store. Its first operation opens the database. */
const store: Store = {
  ...database,
  put: (key, value, options) => withRoom(() => database.put(key, value, options)),
};

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
  // A device computes few hashes. The kernels with SIMD would be a tenth of the script that every visitor loads.
  createHotPath: (options) => createHotPath(plainKernels(), { maxKeys: MAX_KEYS, ...options }),
  storeFault: (url) => (url === host.defaultStore ? null : `${host.defaultStore} in a browser`),
  limiterFault: () => null,
  openStore: () => store,
  // A service worker ends after half a minute without events, and loses its memory.
  openLimiter: () => storeLimiter(store, clock),
  address: () => null,
  background: ([event]) => event,
};
