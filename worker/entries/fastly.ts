/**
 * millrace on Fastly Compute.
 *
 * Fastly's JavaScript runs inside WebAssembly and has none itself, so the kernels come as JavaScript. An instance
 * serves one request, or a few one after the other; what must last is in a KV store.
 * @module
 */

import { RateCounter } from "fastly:edge-rate-limiter";
import { setReusableSandboxOptions } from "fastly:experimental";
import { getGeolocationForIpAddress } from "fastly:geolocation";
import { KVStore } from "fastly:kv-store";
import { SecretStore } from "fastly:secret-store";
import { EC_REDACTION } from "../../runtime/ec/redaction.ts";
import { fastlyErlLimiter } from "../../runtime/limiters/fastly-erl.ts";
import { storeLimiter } from "../../runtime/limiters/store.ts";
import type { Client, RateLimiter, Store } from "../../runtime/platform.ts";
import { fastlyKvStore } from "../../runtime/stores/fastly-kv.ts";
import { createHotPath } from "../../wasm/hotpath.ts";
import { portableKernels } from "../../wasm/portable.ts";
import { type Config, type ConfigInput, type EdgeConfigInput, readEdgeConfig } from "../ec/config.ts";
import { createEdgeCookie, type EdgeCookieOptions, withConfig } from "../ec/edge-cookie.ts";
import { isOwnField } from "../ec/own-fields.ts";
import { passphraseFault } from "../ec/passphrase.ts";
import { loadAllRoutes } from "../ec/routes/load.ts";
import { installAbort } from "../hosts/event/abort.ts";
import { cancellable } from "../hosts/event/cancellable.ts";
import { answerEvents, clock, originOf, type ServedEvent } from "../hosts/event/event-host.ts";
import { dynamicFetch } from "../hosts/event/fastly-fetch.ts";
import {
  replaceSecrets,
  replaceTexts,
  secretNames,
  standIn,
  type WithSecrets,
} from "../hosts/event/stored-secrets.ts";
import type { FetchHandler, Host } from "../hosts/host.ts";
import { NO_HEADERS, readClient } from "../http/client.ts";
import { decodingFetch } from "../http/codings.ts";

/** As much of Fastly's `FetchEvent` as is used here. */
export interface FastlyEvent extends ServedEvent {
  readonly client: { readonly address: string };
}

/** What a handler gets beside the request. */
export type FastlyArgs = [event: FastlyEvent];

/** How many windows an instance can hold: those of the requests that it serves, in 192 KiB. */
const MAX_KEYS = 1000;
/** Of the secret store, and of the KV store unless the configuration names another. */
const NAME = "millrace";
installAbort();

const safeFetch = decodingFetch(cancellable(dynamicFetch));

function openStore(url: string): Store {
  if (!/^fastly-kv:./.test(url)) throw new Error("fastly has no such store; it has fastly-kv:NAME");
  return fastlyKvStore({ open: () => new KVStore(url.slice("fastly-kv:".length)), clock });
}

/** Nothing local outlives an instance, and there are many of them: what they count, they count in the store. */
function openLimiter(url: string, store: Store): RateLimiter {
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
  // Fastly resolves names out of our sight; the partner's own list of hosts is what guards.
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

const withHost = createEdgeCookie(host, loadAllRoutes);

/**
 * Gives the site behind a fetch handler a first-party identity, as on any host. The handler gets the event, too.
 * Where the visitor is, Fastly knows, unless the configuration names a header for it.
 *
 * @example
 * ```ts
 * const handler = edgeCookie(options)((request) => fetch(request, { backend: "origin" }));
 * addEventListener("fetch", (event) => event.respondWith(handler(event.request, event)));
 * ```
 */
export function edgeCookie(options: EdgeCookieOptions): ReturnType<typeof withHost> {
  const { store = host.defaultStore, limiter = "local" } = options;
  const opened = typeof store === "string" ? openStore(store) : store;
  return withHost({
    readClient: clientReader(options.client),
    ...options,
    store: opened,
    limiter: typeof limiter === "string" ? openLimiter(limiter, opened) : limiter,
  });
}

function clientReader(names: ConfigInput["client"] = {}) {
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
    return null; // the address is none
  }
}

/** A configuration as it is bundled: any text in it may be `{"secret": "NAME"}`, kept in the secret store `millrace`. */
export type FastlyConfig = WithSecrets<EdgeConfigInput>;

/** What may be said beside the configuration. */
export interface FastlyServeOptions {
  /** The wrapped handler; left out, `publisher.origin` answers, past Fastly's cache. */
  site?: FetchHandler<FastlyArgs>;
  /**
   * How many requests an instance serves, one after the other. Fastly's default is 1. With more, most requests are
   * spared some 4 ms of opening the service, and a partner's registration takes up to 5 s to be known everywhere.
   */
  requestsPerInstance?: number;
}

/**
 * Answers every request of the service: the site, with an identity. Reads what the configuration keeps in the secret
 * store when an instance begins.
 *
 * @param bundled checked when the service is built; a fault, other than of a secret, fails the build.
 * @throws {ConfigError} naming every fault at once.
 *
 * @example
 * ```ts
 * import { serve } from "millrace/fastly";
 * import config from "./config.json";
 * serve(config, { site: (request) => fetch(request, { backend: "origin" }) });
 * ```
 */
export function serve(bundled: FastlyConfig, options: FastlyServeOptions = {}): void {
  const checked = readEdgeConfig(replaceSecrets<EdgeConfigInput>(bundled, standIn));
  openLimiter(checked.limiter, openStore(checked.store ?? host.defaultStore));
  if (options.site === undefined && checked.publisher.origin === null) {
    throw new Error("there is no site: name publisher.origin, or give a site of your own");
  }
  if (options.requestsPerInstance !== undefined) {
    setReusableSandboxOptions({ maxRequests: options.requestsPerInstance });
  }
  answerEvents(host, EC_REDACTION, async (log) => {
    const config = await withStoredSecrets(checked, secretNames(bundled));
    const site = options.site ?? originOf(host, config, dynamicFetch, log, isOwnField);
    const store = openStore(config.store ?? host.defaultStore);
    const limiter = openLimiter(config.limiter, store);
    return withConfig(host, loadAllRoutes, config, {
      store,
      limiter,
      log,
      readClient: clientReader(config.client),
    })(site);
  });
}

/** Puts what the secret store holds in the places that were kept for it when the configuration was checked. */
async function withStoredSecrets(checked: Config, names: string[]): Promise<Config> {
  const secrets = new Map<string, string>();
  for (const name of names) {
    const secret = await new SecretStore(NAME).get(name);
    if (secret === null)
      throw new Error(`the secret store ${NAME} has no secret ${name}; add it, or mend the name`);
    secrets.set(standIn(name), secret.plaintext());
  }
  const config = replaceTexts(checked, secrets);
  for (const [index, passphrase] of config.passphrases.entries()) {
    const fault = passphraseFault(passphrase);
    if (fault !== null)
      throw new Error(`edgeCookie.passphrases[${index}] in the secret store ${NAME}: expected ${fault}`);
  }
  return config;
}

export { ecOf } from "../ec/service.ts";
