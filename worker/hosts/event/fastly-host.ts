/**
 * The host Fastly Compute.
 * @module
 */
import { RateCounter } from "fastly:edge-rate-limiter";
import { getGeolocationForIpAddress } from "fastly:geolocation";
import { KVStore } from "fastly:kv-store";
import { fastlyErlLimiter } from "../../../runtime/limiters/fastly-erl.ts";
import { storeLimiter } from "../../../runtime/limiters/store.ts";
import type { Client, RateLimiter, Store } from "../../../runtime/platform.ts";
import { fastlyKvStore } from "../../../runtime/stores/fastly-kv.ts";
import { createHotPath } from "../../../wasm/hotpath.ts";
import { portableKernels } from "../../../wasm/portable.ts";
import { type ClientHeaders, NO_HEADERS, readClient } from "../../http/client.ts";
import { decodingFetch } from "../../http/codings.ts";
import type { Host } from "../host.ts";
import { installAbort } from "./abort.ts";
import { cancellable } from "./cancellable.ts";
import { clock, type ServedEvent } from "./event-host.ts";
import { dynamicFetch } from "./fastly-fetch.ts";

/** The part of Fastly's `FetchEvent` that is used here. */
export interface FastlyEvent extends ServedEvent {
  readonly client: { readonly address: string };
}

/** A handler's further arguments. */
export type FastlyArgs = [event: FastlyEvent];

/** Rate-limit windows of an instance: those of the requests that it serves, in 192 KiB. */
const MAX_KEYS = 1000;
/** Name of the secret store, and of the KV store unless the configuration names another. */
export const NAME = "millrace";
installAbort();

const safeFetch = decodingFetch(cancellable(dynamicFetch));

/** Opens a KV store. @throws {Error} on another URL. */
export function openStore(url: string): Store {
  if (!/^fastly-kv:./.test(url)) throw new Error("fastly has no such store; it has fastly-kv:NAME");
  return fastlyKvStore({ open: () => new KVStore(url.slice("fastly-kv:".length)), clock });
}

/** Opens a limiter. No memory outlives an instance, and there are many instances, so `local` counts in the store. */
export function openLimiter(url: string, store: Store): RateLimiter {
  const exact = storeLimiter(store, clock);
  if (url === "local") return exact;
  if (!/^fastly-erl:./.test(url)) {
    throw new Error(
      "fastly has no such limiter; it has local, which counts in the store, and fastly-erl:NAME",
    );
  }
  return fastlyErlLimiter({ open: () => new RateCounter(url.slice("fastly-erl:".length)), longer: exact });
}

export const host: Host<FastlyArgs> = {
  name: "fastly",
  logLevel: "info",
  writeLog: (line) => console.error(line),
  defaultStore: `fastly-kv:${NAME}`,
  clock,
  random: { fill: (target) => crypto.getRandomValues(target) },
  fetch: safeFetch,
  // Fastly resolves names itself: only the partner's list of hosts protects against internal addresses.
  fetchPublic: () => safeFetch,
  livesBetweenRequests: false,
  createHotPath: ({ random }) => createHotPath(portableKernels(), { maxKeys: MAX_KEYS, random }),
  storeFault: (url) => (/^fastly-kv:./.test(url) ? null : "fastly-kv:NAME on fastly"),
  limiterFault: (url) => (/^(local$|fastly-erl:.)/.test(url) ? null : "local or fastly-erl:NAME on fastly"),
  openStore,
  openLimiter: (url) => openLimiter(url, openStore(host.defaultStore)),
  address: (_request, [event]) => event?.client.address ?? null,
  background: ([event]) => event,
};

/** Reads the client of a request: its place by Fastly, unless a header is named for it. */
export function clientReader(names: Partial<ClientHeaders> = {}) {
  const headers = { ...NO_HEADERS, ...names };
  return (request: Request, address: string | null): Client => {
    const client = readClient(request.headers, address, headers);
    if (headers.countryHeader !== null || client.ip === null) return client;
    const place = placeOf(client.ip);
    return { ...client, country: place?.country_code ?? null, region: place?.region ?? null };
  };
}

function placeOf(ip: string) {
  try {
    return getGeolocationForIpAddress(ip);
  } catch {
    return null; // not an address
  }
}
