/**
 * millrace on Cloudflare Workers.
 *
 * Isolates come and go and share no memory: what must last, and what must be counted exactly, is in Durable Objects of the
 * class `Millrace`. The kernels come compiled, for a Worker may not compile any.
 * @module
 */

import { env } from "cloudflare:workers";
import { EC_REDACTION } from "../../runtime/ec/redaction.ts";
import { durableObjectLimiter } from "../../runtime/limiters/durable-object.ts";
import { createLog } from "../../runtime/observe/log.ts";
import type { Client, Fetch, RateLimiter, Store } from "../../runtime/platform.ts";
import { durableObjectStore, spreadOver } from "../../runtime/stores/durable-object.ts";
import simd from "../../wasm/built/simd.wasm";
import { createHotPath } from "../../wasm/hotpath.ts";
import { precompiledKernels } from "../../wasm/precompiled.ts";
import { type ConfigInput, type EdgeConfigInput, readEdgeConfig } from "../ec/config.ts";
import { createEdgeCookie, type EdgeCookieHandler, type EdgeCookieOptions } from "../ec/edge-cookie.ts";
import { isOwnField } from "../ec/own-fields.ts";
import { loadAllRoutes } from "../ec/routes/load.ts";
import type { Millrace } from "../hosts/cloudflare/object.ts";
import { clock, keepAlive, objectCalls } from "../hosts/cloudflare/request.ts";
import { originOf } from "../hosts/event/event-host.ts";
import type { FetchHandler, Host } from "../hosts/host.ts";
import { NO_HEADERS, readClient } from "../http/client.ts";
import { decodingFetch } from "../http/codings.ts";

/** What Cloudflare hands to a handler beside the request. */
export type CloudflareArgs = [env?: unknown, ctx?: unknown];

/** Fewer keys than elsewhere, in 4 MiB: an isolate has 128 MiB, and what lasts is counted in objects. */
const MAX_KEYS = 65_536;
/** Over how many objects the identity graph is spread. Entries are found under these numbers only: never change it. */
const GRAPH_OBJECTS = 64;
/** Over how many objects the windows of rate limits are spread. */
const LIMIT_OBJECTS = 64;
/** The binding of the Durable Objects unless the configuration names another. */
const BINDING = "MILLRACE";

/** The objects of a binding. @throws {Error} if there is no such binding. */
function objectsOf(binding: string) {
  const namespace = env[binding] as Parameters<typeof objectCalls<Millrace>>[0] | undefined;
  if (typeof namespace?.idFromName !== "function") {
    throw new Error(
      `the Worker has no Durable Objects bound as ${binding}: bind the class Millrace in its configuration`,
    );
  }
  return objectCalls(namespace);
}

const DURABLE_OBJECT = /^durable-object:(\w+)$/;

/** The binding that a store's or limiter's URL names. */
function bindingIn(url: string, what: string): string {
  const binding = DURABLE_OBJECT.exec(url)?.[1];
  if (binding === undefined) throw new Error(`cloudflare has no such ${what}; it has durable-object:BINDING`);
  return binding;
}

function openStore(url: string): Store {
  const call = objectsOf(bindingIn(url, "store"));
  return durableObjectStore({ call, spread: { prefix: "ec:", objects: GRAPH_OBJECTS } });
}

/** Nothing that one isolate counts is exact: `local` is what this host has of its own. */
function openLimiter(url: string): RateLimiter {
  const call = objectsOf(url === "local" ? BINDING : bindingIn(url, "limiter"));
  return durableObjectLimiter({
    call: (key, operation) => call(`limiter:${spreadOver(LIMIT_OBJECTS, key)}`, operation),
  });
}

const rawFetch: Fetch = (url, init) => fetch(url, init);

/** A Worker's own fetch decodes gzip and Brotli, and no deflate. */
const decoding = decodingFetch(rawFetch, ["gzip", "br"]);

export const host: Host<CloudflareArgs> = {
  name: "cloudflare",
  logLevel: "info",
  writeLog: (line) => console.error(line),
  defaultStore: `durable-object:${BINDING}`,
  clock,
  random: { fill: (target) => crypto.getRandomValues(target) },
  fetch: decoding,
  // A Worker reaches the public internet and nothing behind it; the partner's own list of hosts is what guards.
  fetchPublic: () => decoding,
  livesBetweenRequests: false,
  createHotPath: ({ random }) => createHotPath(precompiledKernels(simd), { maxKeys: MAX_KEYS, random }),
  storeFault: (url) => (DURABLE_OBJECT.test(url) ? null : "durable-object:BINDING on cloudflare"),
  limiterFault: (url) =>
    url === "local" || DURABLE_OBJECT.test(url) ? null : "local or durable-object:BINDING on cloudflare",
  openStore,
  openLimiter,
  // Cloudflare sets it on every request, in place of what the client sent.
  address: (request) => request.headers.get("cf-connecting-ip"),
  background: () => ({ waitUntil: keepAlive }),
};

const withHost = createEdgeCookie(host, loadAllRoutes);

/**
 * Gives the site behind a fetch handler a first-party identity, as on any host. Who asks and from where, Cloudflare knows,
 * unless the configuration names headers for it.
 *
 * @example
 * ```ts
 * import { env } from "cloudflare:workers";
 * import { edgeCookie, Millrace } from "millrace/cloudflare";
 * export { Millrace };
 * const ec = edgeCookie({ publisher: { domain: "example.com" }, passphrases: [env.PASSPHRASE] });
 * export default { fetch: ec((request) => fetch(request)) };
 * ```
 */
export function edgeCookie(options: EdgeCookieOptions): ReturnType<typeof withHost> {
  return withHost({ readClient: clientReader(options.client), ...options });
}

/** As much as is used here of what Cloudflare knows of a request. */
interface Place {
  country?: string;
  regionCode?: string;
}

/** What Cloudflare calls a country but is none: not known, and the Tor network. */
const NOWHERE = ["XX", "T1"];

function clientReader(names: ConfigInput["client"] = {}) {
  const headers = { ...NO_HEADERS, ...names };
  return (request: Request, address: string | null): Client => {
    const client = readClient(request.headers, address, headers);
    if (headers.countryHeader !== null) return client;
    const { country = null, regionCode = null } = (request as Request & { cf?: Place }).cf ?? {};
    if (country === null || NOWHERE.includes(country)) return client;
    return { ...client, country, region: regionCode };
  };
}

/** A configuration as it is bundled: any text in it may be `{"env": "NAME"}`, a variable or secret of the Worker. */
export type CloudflareConfig = WithEnv<EdgeConfigInput>;

type WithEnv<T> = T extends string
  ? T | { env: string }
  : T extends readonly (infer Item)[]
    ? WithEnv<Item>[]
    : T extends object
      ? { [Key in keyof T]: WithEnv<T[Key]> }
      : T;

/** What may be said beside the configuration. */
export interface CloudflareServeOptions {
  /** The wrapped handler; left out, `publisher.origin` answers. */
  site?: FetchHandler<CloudflareArgs>;
}

/**
 * A Worker that answers every request of a site, with an identity.
 *
 * @param given checked when the Worker starts; `{"env": "NAME"}` in it names a variable or a secret of the Worker.
 * @throws {ConfigError} naming every fault at once.
 *
 * @example
 * ```ts
 * import { Millrace, serve } from "millrace/cloudflare";
 * import config from "./config.json";
 * export { Millrace };
 * export default serve(config, { site: (request) => fetch(request) });
 * ```
 */
export function serve(
  given: CloudflareConfig,
  { site }: CloudflareServeOptions = {},
): { fetch: EdgeCookieHandler<CloudflareArgs> } {
  const texts = Object.entries(env).filter(([, value]) => typeof value === "string");
  const config = readEdgeConfig(given, Object.fromEntries(texts) as Record<string, string>);
  const log = createLog({ level: host.logLevel, write: host.writeLog, clock, redact: EC_REDACTION });
  const wrap = edgeCookie({ ...config, store: config.store ?? host.defaultStore, log });
  return { fetch: wrap(site ?? originOf(host, config, rawFetch, log, isOwnField)) };
}

export { ecOf } from "../ec/service.ts";
export { Millrace } from "../hosts/cloudflare/object.ts";
