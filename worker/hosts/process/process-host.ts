/**
 * What Node, Bun and Deno have in common: a process that lives between requests, files, sockets, standard error.
 * @module
 */
import { localLimiter } from "../../../runtime/limiters/local.ts";
import { redisLimiter } from "../../../runtime/limiters/redis.ts";
import { LOG_LEVELS, type LogLevel } from "../../../runtime/observe/log.ts";
import type { Background, Clock, Fetch, Store } from "../../../runtime/platform.ts";
import { lazyStore } from "../../../runtime/stores/lazy.ts";
import { memoryStore } from "../../../runtime/stores/memory.ts";
import { connectRedis, redisStore } from "../../../runtime/stores/redis.ts";
import { createHotPath } from "../../../wasm/hotpath.ts";
import { inlineKernels } from "../../../wasm/inline.ts";
import type { Host } from "../host.ts";
import { createSystemClock } from "../system-clock.ts";
import { makeTables } from "../table-sizes.ts";

type Timer = ReturnType<typeof setTimeout>;

/** No-op: the process outlives the request, and callers handle errors. */
const livingProcess: Background = { waitUntil() {} };

/** What differs between the three. */
export interface ProcessHostOptions<Args extends unknown[]> {
  name: string;
  address: Host<Args>["address"];
  /** Further stores, by scheme, and the default store. Default: SQLite. */
  stores?: Stores;
  defaultStore?: string;
  /** Reads an environment variable, and lets the process end before a timer. Default: as in Node. */
  env?(name: string): string | undefined;
  unref?(timer: Timer): void;
  /** Default: absent. */
  passed?: Host["passed"];
}

/** Opens a store, given what follows the scheme and its colon. */
export type Stores = Record<string, (rest: string, clock: Clock) => ReturnType<Host["openStore"]>>;

const commonStores: Stores = {
  memory: (_rest, clock) => memoryStore({ clock }),
  sqlite: lazySqliteStore,
  redis: (rest, clock) => redisStore({ redis: connectRedis({ url: `redis:${rest}`, clock }), clock }),
  rediss: (rest, clock) => redisStore({ redis: connectRedis({ url: `rediss:${rest}`, clock }), clock }),
};

/**
 * The store in a SQLite file, loaded and opened by its first operation: most requests need no store, and loading SQLite is a
 * large part of a cold start.
 */
export function lazySqliteStore(path: string, clock: Clock): Store {
  return lazyStore({
    traits: { name: "sqlite", readAfterWrite: true, durable: true, shared: true },
    hasUpdate: true,
    async open() {
      const { sqliteStore } = await import("../../../runtime/stores/sqlite.ts");
      return sqliteStore({ path, clock });
    },
  });
}

/** The host of a runtime that is a process. */
export function processHost<Args extends unknown[]>(options: ProcessHostOptions<Args>): Host<Args> {
  const {
    name,
    address,
    defaultStore = "sqlite:./data/millrace.db",
    // The global instead of an import of `node:process`, which takes a large part of a cold start on Deno.
    env = (variable) => process.env[variable],
    unref = (timer) => timer.unref(),
    passed,
  } = options;
  // Its timers do not keep the process alive.
  const clock: Clock = { ...createSystemClock(unref), monotonic: () => performance.now() };
  const stores: Stores = { ...commonStores, ...options.stores };
  const openerOf = (url: string) => {
    const scheme = url.slice(0, url.indexOf(":"));
    return Object.hasOwn(stores, scheme) ? stores[scheme] : undefined;
  };
  const level = env("MILLRACE_LOG") as LogLevel;
  return {
    name,
    defaultStore,
    address,
    logLevel: LOG_LEVELS.includes(level) ? level : "info",
    writeLog: (line) => process.stderr.write(`${line}\n`),
    clock,
    random: { fill: (target) => crypto.getRandomValues(target) },
    fetch: (url, init) => fetch(url, init),
    fetchPublic: lateFetchPublic,
    livesBetweenRequests: true,
    ...(passed === undefined ? {} : { passed }),
    createHotPath: (given) => createHotPath(inlineKernels(), given),
    storeFault(url) {
      const open = openerOf(url);
      if (open === undefined) return `one of ${listed(Object.keys(stores))} on ${name}`;
      return openingFault(() => open(restOf(url), clock));
    },
    limiterFault(url) {
      if (url === "local") return null;
      if (!isRedis(url)) return `local, redis: or rediss: on ${name}`;
      return openingFault(() => connectRedis({ url, clock }));
    },
    openStore(url) {
      const open = openerOf(url);
      if (open === undefined) {
        throw new Error(`${name} has no store for "${schemeOf(url)}"; it has ${listed(Object.keys(stores))}`);
      }
      return open(restOf(url), clock);
    },
    openLimiter(url, { sizes, ...given }) {
      if (url === "local") {
        const kernels = inlineKernels();
        const make = (maxKeys: number) => createHotPath(kernels, { maxKeys, random: given.random });
        return localLimiter(makeTables(sizes, make), given.clock);
      }
      if (isRedis(url)) return redisLimiter({ redis: connectRedis({ url, clock }) });
      throw new Error(`${name} has no limiter for "${schemeOf(url)}"; it has local, redis:, rediss:`);
    },
    isPublicSuffix: async (domain) => (await import("./public-suffix.ts")).isPublicSuffix(domain),
    background: () => livingProcess,
  };
}

/** Why a URL cannot be used, if opening it throws at once: connections and files are opened at their first use. */
function openingFault(open: () => unknown): string | null {
  try {
    open();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** What follows the scheme and its colon. */
function restOf(url: string): string {
  return url.slice(url.indexOf(":") + 1);
}

/** Loads its modules at the first call: `node:http` is a large part of a cold start. */
function lateFetchPublic(allowLoopback: boolean): Fetch {
  let loaded: Promise<Fetch> | undefined;
  async function load(): Promise<Fetch> {
    const [{ createRawFetch }, { publicLookup }, { decodingFetch }] = await Promise.all([
      import("../../http/raw-fetch.ts"),
      import("../../http/public-lookup.ts"),
      import("../../http/codings.ts"),
    ]);
    return decodingFetch(createRawFetch(publicLookup(allowLoopback)));
  }
  return async (url, init) => {
    loaded ??= load();
    return (await loaded)(url, init);
  };
}

/** The scheme of a URL, for errors: the rest may contain a password. */
function schemeOf(url: string): string {
  return url.replace(/:.*$/s, ":");
}

const isRedis = (url: string) => /^rediss?:/.test(url);

function listed(schemes: string[]): string {
  return schemes.map((scheme) => `${scheme}:`).join(", ");
}
