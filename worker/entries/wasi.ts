/**
 * millrace on WASI HTTP: a component that exports `wasi:http/incoming-handler`, made of JavaScript by componentize-js,
 * for wasmtime, Spin, wasmCloud and the like.
 *
 * An instance serves one request. What must last is in a store that another machine serves (`millrace store`). The host
 * tells nothing of who asks: the headers under `client` have to be named.
 * @module
 */

import { getEnvironment } from "wasi:cli/environment@0.2.10";
import { EC_REDACTION } from "../../runtime/ec/redaction.ts";
import { boundedFetch } from "../../runtime/lib/bounded-fetch.ts";
import { storeLimiter } from "../../runtime/limiters/store.ts";
import { LOG_LEVELS, type LogLevel } from "../../runtime/observe/log.ts";
import type { Fetch, RateLimiter, Store } from "../../runtime/platform.ts";
import { httpStore } from "../../runtime/stores/http.ts";
import { createHotPath } from "../../wasm/hotpath.ts";
import { portableKernels } from "../../wasm/portable.ts";
import { type EdgeConfigInput, readEdgeConfig } from "../ec/config.ts";
import { createEdgeCookie, type EdgeCookieOptions, withConfig } from "../ec/edge-cookie.ts";
import { isOwnField } from "../ec/own-fields.ts";
import { loadAllRoutes } from "../ec/routes/load.ts";
import { installAbort } from "../hosts/event/abort.ts";
import { cancellable } from "../hosts/event/cancellable.ts";
import { answerEvents, clock, originOf, type ServedEvent } from "../hosts/event/event-host.ts";
import type { FetchHandler, Host } from "../hosts/host.ts";
import { decodingFetch } from "../http/codings.ts";

/** What a handler gets beside the request. */
export type WasiArgs = [event: ServedEvent];

/** How many windows an instance can hold: those of one request, in 192 KiB. */
const MAX_KEYS = 1000;
/** Of one operation of the store. */
const STORE_BOUNDS = { timeoutMs: 5000, maxBytes: 8 * 1024 ** 2 };

installAbort();

const rawFetch: Fetch = (url, init) => fetch(url, init);
const safeFetch = decodingFetch(cancellable(rawFetch));

function openStore(url: string): Store {
  if (!/^https?:/.test(url)) {
    throw new Error("this host has no such store; it has http://:TOKEN@HOST:PORT/, served by millrace store");
  }
  const place = new URL(url);
  const token = decodeURIComponent(place.password);
  place.username = "";
  place.password = "";
  return httpStore({
    url: place.href,
    token,
    fetch: (to, init = {}) => boundedFetch(to, init, STORE_BOUNDS, { fetch: safeFetch, clock }),
  });
}

/** Nothing local outlives a request: what instances count, they count in the store. */
function openLimiter(url: string, store: Store): RateLimiter {
  if (url === "local") return storeLimiter(store, clock);
  throw new Error("this host has no such limiter; it has local, which counts in the store");
}

export const host: Host<WasiArgs> = {
  name: "wasi",
  get logLevel() {
    const level = environment().MILLRACE_LOG as LogLevel;
    return LOG_LEVELS.includes(level) ? level : "info";
  },
  writeLog: (line) => console.error(line),
  defaultStore: "",
  clock,
  random: { fill: (target) => crypto.getRandomValues(target) },
  fetch: safeFetch,
  // Names are resolved out of our sight here; the partner's own list of hosts is what guards.
  fetchPublic: () => safeFetch,
  livesBetweenRequests: false,
  createHotPath: ({ random }) => createHotPath(portableKernels(), { maxKeys: MAX_KEYS, random }),
  storeFault: (url) =>
    /^https?:/.test(url) ? null : "http://:TOKEN@HOST:PORT/, which millrace store serves",
  limiterFault: (url) => (url === "local" ? null : "local"),
  openStore,
  openLimiter: (url) => openLimiter(url, openStore(host.defaultStore)),
  address: () => null,
  background: ([event]) => event,
};

const withHost = createEdgeCookie(host, loadAllRoutes);

/**
 * Gives the site behind a fetch handler a first-party identity, as on any host. The handler gets the event, too.
 * Call it when the first request has come: a component that is being built has neither environment nor randomness.
 */
export function edgeCookie(options: EdgeCookieOptions): ReturnType<typeof withHost> {
  const { store = host.defaultStore, limiter = "local" } = options;
  const opened = typeof store === "string" ? openStore(store) : store;
  return withHost({
    ...options,
    store: opened,
    limiter: typeof limiter === "string" ? openLimiter(limiter, opened) : limiter,
  });
}

/** The component's environment variables. */
export function environment(): Record<string, string> {
  return Object.fromEntries(getEnvironment());
}

/** A part of a configuration: the environment may add the rest. */
type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [Key in keyof T]?: DeepPartial<T[Key]> }
    : T;

/** What may be said beside the configuration. */
export interface WasiServeOptions {
  /** The wrapped handler; left out, `publisher.origin` answers. */
  site?: FetchHandler<WasiArgs>;
}

/**
 * Answers every request: the site, with an identity.
 *
 * @param bundled the part of the configuration that is built in. Environment variables add to it and override it:
 * `MILLRACE_` and the field's path, such as `MILLRACE_EDGE_COOKIE_STORE`; a text may be `{"env": "NAME"}`. A fault is in the log
 * of the first request.
 *
 * @example
 * ```ts
 * import { serve } from "millrace/wasi";
 * serve({ client: { ipHeader: "x-real-ip", countryHeader: "x-country" } });
 * ```
 */
export function serve(bundled: DeepPartial<EdgeConfigInput> = {}, { site }: WasiServeOptions = {}): void {
  answerEvents(host, EC_REDACTION, async (log) => {
    const config = readEdgeConfig(bundled, environment());
    if (config.store === null)
      throw new Error("there is no store: set MILLRACE_EDGE_COOKIE_STORE to http://:TOKEN@HOST:PORT/");
    const store = openStore(config.store);
    const limiter = openLimiter(config.limiter, store);
    return withConfig(host, loadAllRoutes, config, { store, limiter, log })(
      site ?? originOf(host, config, rawFetch, log, isOwnField),
    );
  });
}

export { ecOf } from "../ec/service.ts";
