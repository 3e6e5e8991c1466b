/**
 * `edgeCookie(options)(handler)`: wraps a fetch handler so that its site has a first-party identity.
 * @module
 */

import { EC_REDACTION } from "../../runtime/ec/redaction.ts";
import { createLog } from "../../runtime/observe/log.ts";
import { createMetrics, type MetricsRegistry } from "../../runtime/observe/metrics.ts";
import { createPropagation, type Tracer } from "../../runtime/observe/tracer.ts";
import type { Client, Clock, Fetch, Log, Random, RateLimiter, Store } from "../../runtime/platform.ts";
import type { PastFigures } from "../admin/past.ts";
import { ConfigError } from "../config/compose.ts";
import type { FetchHandler, Host } from "../hosts/host.ts";
import { needsSocketAddress, readClient } from "../http/client.ts";
import { mustBeHandler, mustBeRequest } from "./adapters/misuse.ts";
import {
  type Config,
  type ConfigInput,
  configWarnings,
  parseConfig,
  publicSuffixExpected,
  urlFaults,
} from "./config.ts";
import { createService } from "./service.ts";
import type { AllWorkers, LoadApp, Service } from "./services.ts";
import { tableSizes } from "./table-needs.ts";
import type { RequestHead } from "./visit.ts";

/** Delay after which a running service looks `publisher.domain` up in the list of public suffixes, in milliseconds. */
const DOMAIN_CHECK_AFTER_MS = 1000;

/** Objects of your own in place of the host's. */
export interface OwnDependencies {
  /** Keeps identities and partners. Default: the host's store. */
  store?: Store | undefined;
  /** Counts rates. Default: the host's limiter. */
  limiter?: RateLimiter | undefined;
  /** Default: JSON lines, by `MILLRACE_LOG` on hosts with an environment. */
  log?: Log | undefined;
  /** Default: the system clock. */
  clock?: Clock | undefined;
  /** Default: the host's cryptographic random numbers. */
  random?: Random | undefined;
  /** Reaches partners and the auction endpoint. Default: the host's fetch, which refuses internal addresses of partners. */
  fetch?: Fetch | undefined;
  /** Reads the client of a request. Default: by the fields of the section `client`, else the socket's address. */
  readClient?: ((request: Request, address: string | null) => Client) | undefined;
  /** Default: a registry of its own. */
  metrics?: MetricsRegistry | undefined;
  /** Default: one that passes the ids on and records nothing. */
  tracer?: Tracer | undefined;
  /** The address that our own server is bound to. Default: the host listens. */
  boundTo?: string | undefined;
  /** The figures of the last minutes for the operator's page. Default: none are kept. */
  past?: Pick<PastFigures, "samples"> | undefined;
  /** All processes of the server. Default: there is one. */
  workers?: AllWorkers | null | undefined;
  /** Logged when the service opens. Default: none. */
  warnings?: readonly string[] | undefined;
}

/** The fields of the configuration's section `edgeCookie`, with `client` and `operator` beside them, and objects of your own. */
export interface EdgeCookieOptions
  extends Omit<ConfigInput, "store" | "limiter">,
    Omit<OwnDependencies, "store" | "limiter" | "past" | "tracer" | "workers" | "warnings"> {
  /** A store's URL, such as `sqlite:./data/millrace.db`, or a store. Default: the host's own. */
  store?: string | Store;
  /** `local`, another limiter's URL, or a limiter. Default: `local`. */
  limiter?: string | RateLimiter;
}

/** A wrapped handler. */
export interface EdgeCookieHandler<Args extends unknown[]> {
  /** Answers a request. Synchronous if nothing has to be waited for, the wrapped handler included. */
  (request: Request, ...host: Args): Response | Promise<Response>;
  /** The same for a server that has read the request's fields; see `ServedHandler`. */
  withFields(request: Request, fields: RequestHead["headers"], ...host: Args): Response | Promise<Response>;
  /** The running service. The first call opens the store and the limiter. */
  service(...host: Args): Service;
  /** Finishes background work and closes the store. */
  close(): Promise<void>;
}

/**
 * Binds the Edge Cookie to a runtime.
 * @returns `edgeCookie(options)(handler)`.
 */
export function createEdgeCookie<Args extends unknown[]>(host: Host<Args>, loadApp: LoadApp) {
  /**
   * Gives the site behind a fetch handler a first-party identity.
   *
   * @param options the configuration; only `publisher.domain` and `passphrases` have no default.
   * @returns a function that wraps your handler and returns one of the same shape.
   * @throws {ConfigError} with every fault of the configuration.
   * @example
   * ```ts
   * import { edgeCookie } from "millrace";
   * const ec = edgeCookie({ publisher: { domain: "example.com" }, passphrases: ["a long secret of yours"] });
   * export default { fetch: ec((request) => new Response("hello")) };
   * ```
   */
  return function edgeCookie(options: EdgeCookieOptions) {
    const { store, limiter, log, clock, random, fetch, readClient, metrics, boundTo, ...input } = options;
    const config = parseConfig({
      ...input,
      ...(typeof store === "string" ? { store } : {}),
      ...(typeof limiter === "string" ? { limiter } : {}),
    });
    return withConfig(host, loadApp, config, {
      ...(typeof store === "object" ? { store } : {}),
      ...(typeof limiter === "object" ? { limiter } : {}),
      ...{ log, clock, random, fetch, readClient, metrics, boundTo },
      warnings: configWarnings(config, { knowsPlace: readClient !== undefined }),
    });
  };
}

/**
 * The same for a parsed configuration, for hosts where parsing would be a large part of every request.
 * @returns a function that wraps a handler.
 */
export function withConfig<Args extends unknown[]>(
  host: Host<Args>,
  loadApp: LoadApp,
  config: Config,
  own: OwnDependencies,
) {
  // On some hosts reading the address is a call.
  const needsAddress = own.readClient !== undefined || needsSocketAddress(config.client);
  const faults = urlFaults(
    { ...(own.store ? {} : { store: config.store }), ...(own.limiter ? {} : { limiter: config.limiter }) },
    host,
  );
  if (faults.length > 0) throw new ConfigError(faults);
  const clock = own.clock ?? host.clock;
  const random = own.random ?? host.random;
  let service: Service | undefined;
  /** Called on close: each ends what a timer would do later. */
  const later: (() => void)[] = [];
  let unwritten = own.warnings ?? [];

  /** Logs what `millrace check` would have refused. */
  async function checkDomain(log: Log): Promise<void> {
    const { domain } = config.publisher;
    if (await host.isPublicSuffix?.(domain)) {
      log.error(`publisher.domain: "${domain}"; expected ${publicSuffixExpected(domain)}`);
    }
  }

  // At the first request: some hosts allow neither randomness nor connections while a module loads.
  function open(args: Args): Service {
    const { maxKeys } = config.throttle;
    const log =
      own.log ?? createLog({ level: host.logLevel, write: host.writeLog, clock, redact: EC_REDACTION });
    // The first line that a process or a worker writes takes 15 ms, which the first visitor need not wait for.
    if (unwritten.length > 0) {
      const written = new Promise<void>((resolve) => {
        const write = () => {
          for (const warning of unwritten) log.warn(warning);
          unwritten = [];
          resolve();
        };
        const cancel = clock.after(0, write);
        later.push(() => {
          cancel();
          write();
        });
      });
      if (!host.livesBetweenRequests) host.background(args).waitUntil(written);
    }
    // Loading the list takes some 30 ms, which the first visitors need not wait for.
    if (host.isPublicSuffix !== undefined) {
      const check = () =>
        void checkDomain(log).catch((error) => log.warn("publisher.domain could not be checked", { error }));
      later.push(clock.after(DOMAIN_CHECK_AFTER_MS, check));
    }
    const hotPath = host.createHotPath({ random, ...(maxKeys === null ? {} : { maxKeys }) });
    return createService({
      config,
      hotPath,
      store: own.store ?? host.openStore(config.store ?? host.defaultStore, args),
      limiter:
        own.limiter ?? host.openLimiter(config.limiter, { sizes: tableSizes(config), clock, random }, args),
      clock,
      random,
      fetch: own.fetch ?? host.fetch,
      fetchPublic: own.fetch ?? host.fetchPublic(config.allowInsecurePartners),
      livesBetweenRequests: host.livesBetweenRequests,
      log,
      metrics: own.metrics ?? createMetrics(),
      tracer: own.tracer ?? createPropagation(random),
      loadApp,
      boundTo: own.boundTo ?? null,
      past: own.past ?? null,
      workers: own.workers ?? null,
    });
  }

  return function wrap(handler: FetchHandler<Args>): EdgeCookieHandler<Args> {
    mustBeHandler(handler);
    const withFields = (request: Request, fields: RequestHead["headers"], ...args: Args) => {
      service ??= open(args);
      const address = needsAddress ? host.address(request, args) : null;
      const client = own.readClient?.(request, address) ?? readClient(fields, address, config.client);
      return service.respond(request, client, host.background(args), () => handler(request, ...args), fields);
    };
    const answer = (request: Request, ...args: Args): Response | Promise<Response> => {
      mustBeRequest(request);
      return withFields(request, request.headers, ...args);
    };
    return Object.assign(answer, {
      withFields,
      service: (...args: Args) => (service ??= open(args)),
      async close() {
        for (const end of later) end();
        await service?.close();
      },
    });
  };
}
