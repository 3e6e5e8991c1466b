/**
 * The host WASI HTTP.
 * @module
 */
import { getEnvironment } from "wasi:cli/environment@0.2.10";
import { boundedFetch } from "../../../runtime/lib/bounded-fetch.ts";
import { storeLimiter } from "../../../runtime/limiters/store.ts";
import { LOG_LEVELS, type LogLevel } from "../../../runtime/observe/log.ts";
import type { Fetch, RateLimiter, Store } from "../../../runtime/platform.ts";
import { httpStore } from "../../../runtime/stores/http.ts";
import { createHotPath } from "../../../wasm/hotpath.ts";
import { portableKernels } from "../../../wasm/portable.ts";
import { decodingFetch } from "../../http/codings.ts";
import type { Host } from "../host.ts";
import { installAbort } from "./abort.ts";
import { cancellable } from "./cancellable.ts";
import { clock, type ServedEvent } from "./event-host.ts";

/** A handler's further arguments. */
export type WasiArgs = [event: ServedEvent];

/** Rate-limit windows of an instance: those of one request, in 192 KiB. */
const MAX_KEYS = 1000;
/** Limits of one store operation. */
const STORE_BOUNDS = { timeoutMs: 5000, maxBytes: 8 * 1024 ** 2 };

installAbort();

export const rawFetch: Fetch = (url, init) => fetch(url, init);
const safeFetch = decodingFetch(cancellable(rawFetch));

/** Opens a store that another machine serves. @throws {Error} on another URL. */
export function openStore(url: string): Store {
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

/** Opens a limiter. No memory outlives a request, so `local` counts in the store. */
export function openLimiter(url: string, store: Store): RateLimiter {
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
  // The host resolves names itself: only the partner's list of hosts protects against internal addresses.
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

/** The component's environment variables. */
export function environment(): Record<string, string> {
  return Object.fromEntries(getEnvironment());
}
