/**
 * The host Cloudflare Workers.
 * @module
 */
import { env } from "cloudflare:workers";
import { durableObjectLimiter } from "../../../runtime/limiters/durable-object.ts";
import type { Client, Fetch, RateLimiter, Store } from "../../../runtime/platform.ts";
import { durableObjectStore, spreadOver } from "../../../runtime/stores/durable-object.ts";
import simd from "../../../wasm/built/simd.wasm";
import { createHotPath } from "../../../wasm/hotpath.ts";
import { precompiledKernels } from "../../../wasm/precompiled.ts";
import { type ClientHeaders, NO_HEADERS, readClient } from "../../http/client.ts";
import { decodingFetch } from "../../http/codings.ts";
import type { Host } from "../host.ts";
import type { Millrace } from "./object.ts";
import { clock, keepAlive, objectCalls } from "./request.ts";

/** A handler's further arguments on Cloudflare. */
export type CloudflareArgs = [env?: unknown, ctx?: unknown];

/** Keys of a table, in 4 MiB: an isolate has 128 MiB, and Durable Objects hold the lasting counts. */
const MAX_KEYS = 65_536;
/** Number of objects that hold the identity graph. Never change it: entries are found by this number. */
const GRAPH_OBJECTS = 64;
/** Number of objects that hold rate-limit windows. */
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

/** One isolate cannot count exactly, so `local` counts in Durable Objects. */
function openLimiter(url: string): RateLimiter {
  const call = objectsOf(url === "local" ? BINDING : bindingIn(url, "limiter"));
  return durableObjectLimiter({
    call: (key, operation) => call(`limiter:${spreadOver(LIMIT_OBJECTS, key)}`, operation),
  });
}

export const rawFetch: Fetch = (url, init) => fetch(url, init);

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
  // A Worker reaches public addresses only; the partner's list of hosts is the other guard.
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

/** The part of Cloudflare's facts about a request that is used here. */
interface Place {
  country?: string;
  regionCode?: string;
}

/** Codes of Cloudflare that are not countries: unknown, and the Tor network. */
const UNKNOWN_COUNTRIES = ["XX", "T1"];

/** Reads the client of a request: its place by Cloudflare, unless a header is named for it. */
export function clientReader(names: Partial<ClientHeaders> = {}) {
  const headers = { ...NO_HEADERS, ...names };
  return (request: Request, address: string | null): Client => {
    const client = readClient(request.headers, address, headers);
    if (headers.countryHeader !== null) return client;
    const { country = null, regionCode = null } = (request as Request & { cf?: Place }).cf ?? {};
    if (country === null || UNKNOWN_COUNTRIES.includes(country)) return client;
    return { ...client, country, region: regionCode };
  };
}
