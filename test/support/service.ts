/**
 * A whole service in this process: memory store, manual clock, a function as the network, and clients.
 * @module
 */

import { localLimiter } from "../../runtime/limiters/local.ts";
import { createLog } from "../../runtime/observe/log.ts";
import { createMetrics } from "../../runtime/observe/metrics.ts";
import { createPropagation } from "../../runtime/observe/tracer.ts";
import type { Client, Fetch, Random, RateLimiter, Store } from "../../runtime/platform.ts";
import { memoryStore } from "../../runtime/stores/memory.ts";
import { createHotPath, type Kernels } from "../../wasm/hotpath.ts";
import { inlineKernels } from "../../wasm/inline.ts";
import { type ConfigInput, parseConfig } from "../../worker/ec/config.ts";
import { createService } from "../../worker/ec/service.ts";
import type { Service, Services } from "../../worker/ec/services.ts";
import { type ManualClock, manualClock } from "./manual-clock.ts";
import { mustBeDescribed } from "./openapi.ts";

export const DOMAIN = "publisher.example";
export const PASSPHRASE = "publisher-chosen-secret";
export const ADMIN_TOKEN = "an-admin-token-for-tests";
export const ADMIN_TOKEN_HASH = "7bccd821f62a3fd2387075bf7c88c720e461b4c309a1089176cd104f9f60b520";

/** A store that can fail or hang on demand, and that records its operations. */
export interface FaultyStore extends Store {
  /** What each operation does: pass on to the store, reject, or never answer. */
  mode: "sound" | "down" | "hanging";
  /** Operations so far, by name and key. */
  asked: { operation: "get" | "put" | "delete" | "list"; key: string }[];
  /** Called before each operation; may change the mode. */
  before: (operation: string, key: string) => void;
}

/** Wraps a store in a {@link FaultyStore}. */
export function faultyStore(store: Store): FaultyStore {
  const through = <T>(operation: "get" | "put" | "delete" | "list", key: string, run: () => T) => {
    faulty.before(operation, key);
    faulty.asked.push({ operation, key });
    if (faulty.mode === "down") return Promise.reject<Awaited<T>>(new Error("the store is down"));
    if (faulty.mode === "hanging") return new Promise<Awaited<T>>(() => {});
    return run();
  };
  const faulty: FaultyStore = {
    traits: store.traits,
    mode: "sound",
    asked: [],
    before: () => {},
    get: (key) => through("get", key, () => store.get(key)),
    put: (key, value, options) => through("put", key, () => store.put(key, value, options)),
    delete: (key) => through("delete", key, () => store.delete(key)),
    list: (prefix, options) => through("list", prefix, () => store.list(prefix, options)),
    close: () => store.close(),
  };
  return faulty;
}

/** One call that the service made to another server. */
export interface OutboundCall {
  url: string;
  init: RequestInit;
}

/** Options of a test. */
export interface TestServiceOptions {
  /** In place of the configuration's own sections; `ec` is merged. */
  config?: Partial<ConfigInput>;
  /** Shares one clock between several services. */
  clock?: ManualClock;
  store?: Store;
  /** Answers the service's own calls. Default: a call fails. */
  fetch?: Fetch;
  past?: Services["past"];
  boundTo?: string | null;
  /** Replaces the kernels, for counts of their calls. */
  kernels?: Kernels;
  /** Default true. */
  livesBetweenRequests?: boolean;
  /** Keys of the hot path's table. Default: 10,000. */
  maxKeys?: number;
  /** Makes the limiter. Default: one that counts in the hot path's table. */
  limiter?: (clock: ManualClock) => RateLimiter;
}

/** The request of one visitor. */
export interface Ask extends Omit<RequestInit, "headers"> {
  headers?: Record<string, string>;
  cookies?: Record<string, string>;
  /** Default: a visitor from a country without consent rules. */
  client?: Partial<Client>;
}

/** A service under test. */
export interface TestService {
  service: Service;
  services: Services;
  clock: ManualClock;
  store: FaultyStore;
  /** The service's own calls so far. */
  calls: OutboundCall[];
  /** Lines of the log so far. */
  log: string[];
  /**
   * One request to `path` of the publisher's domain; organic paths answer 200 `the page`. An answer of the service's own
   * that the API's description does not have fails.
   */
  ask(path: string, ask?: Ask): Promise<Response>;
  /** Waits for the pending background work. */
  settled(): Promise<void>;
  /** Mints an id for an address. */
  mint(ip?: string): string;
  /** The graph's entry of an id. */
  entry(id: string): ReturnType<Services["graph"]["get"]>;
}

export const VISITOR: Client = { ip: "203.0.113.1", country: "JP", region: null };

const random: Random = { fill: (target) => crypto.getRandomValues(target) };

/** Starts a service. */
export function testService(options: TestServiceOptions = {}): TestService {
  const clock = options.clock ?? manualClock();
  const store = faultyStore(options.store ?? memoryStore({ clock }));
  const hotPath = createHotPath(options.kernels ?? inlineKernels(), {
    random,
    maxKeys: options.maxKeys ?? 10_000,
  });
  const log: string[] = [];
  const calls: OutboundCall[] = [];
  const answer = options.fetch ?? (() => Promise.reject(new Error("no test expected a call")));
  const call: Fetch = (url, init = {}) => {
    calls.push({ url, init });
    return answer(url, init);
  };
  const service = createService({
    config: parseConfig({
      publisher: { domain: DOMAIN },
      passphrases: [PASSPHRASE],
      operator: { tokenHash: ADMIN_TOKEN_HASH },
      ...options.config,
    }),
    hotPath,
    store,
    limiter: options.limiter?.(clock) ?? localLimiter(hotPath, clock),
    clock,
    random,
    fetch: call,
    fetchPublic: call,
    livesBetweenRequests: options.livesBetweenRequests ?? true,
    loadApp: () => import("../../worker/ec/routes/all.ts"),
    log: createLog({ level: "debug", write: (line) => log.push(line), clock }),
    metrics: createMetrics(),
    tracer: createPropagation(random),
    boundTo: options.boundTo ?? null,
    past: options.past ?? null,
    workers: null,
  });
  const background: Promise<unknown>[] = [];

  return {
    service,
    services: service.services,
    clock,
    store,
    calls,
    log,
    async ask(path, { headers = {}, cookies = {}, client = {}, ...init } = {}) {
      const cookie = Object.entries(cookies).map(([name, value]) => `${name}=${value}`);
      const request = new Request(new URL(path, `https://${DOMAIN}`), {
        ...init,
        headers: { ...headers, ...(cookie.length > 0 ? { cookie: cookie.join("; ") } : {}) },
      });
      const response = await service.respond(
        request,
        { ...VISITOR, ...client },
        { waitUntil: (work) => background.push(work) },
        () => new Response("the page"),
      );
      await expectDescribed(path, init.method, response);
      return response;
    },
    async settled() {
      while (background.length > 0) await Promise.all(background.splice(0));
    },
    mint: (ip = VISITOR.ip!) => service.services.identity.mint(ip),
    entry: (id) => service.services.graph.get(id),
  };
}

/** Compares an answer with the API's description, except the bids of an auction. */
async function expectDescribed(path: string, method = "GET", response: Response): Promise<void> {
  const { status, headers } = response;
  if (path.startsWith("/auction") && status < 400) return;
  mustBeDescribed(
    { method, path },
    {
      status,
      headers: Object.fromEntries(headers),
      setCookies: headers.getSetCookie(),
      body: await response.clone().text(),
    },
  );
}

/** The headers of an operator. */
export const operator = { authorization: `Bearer ${ADMIN_TOKEN}` };
