/**
 * The public face: wraps a fetch handler so that the site it serves has a first-party identity.
 * @module
 */

import { createLog } from "../../runtime/observe/log.ts";
import { createMetrics, type MetricsRegistry } from "../../runtime/observe/metrics.ts";
import type { Client, Clock, Fetch, Log, Random, RateLimiter, Store } from "../../runtime/platform.ts";
import { ConfigError } from "../config/compose.ts";
import type { FetchHandler, Host } from "../hosts/host.ts";
import { needsSocketAddress, readClient } from "../http/client.ts";
import type { LoadApp } from "./app.ts";
import {
  type Config,
  type ConfigInput,
  configWarnings,
  parseConfig,
  publicSuffixExpected,
  urlFaults,
} from "./config.ts";
import { createService, type Service } from "./service.ts";
import { tableSizes } from "./table-needs.ts";

/** When a running service looks `publisher.domain` up in the list of public suffixes, in milliseconds. */
const DOMAIN_CHECK_AFTER_MS = 1000;

/** Objects of your own, instead of what the host would supply. */
export interface OwnParts {
  store?: Store | undefined;
  limiter?: RateLimiter | undefined;
  log?: Log | undefined;
  clock?: Clock | undefined;
  random?: Random | undefined;
  fetch?: Fetch | undefined;
  /** Who asks, where neither the socket nor the headers named under `client` tell it. */
  readClient?: ((request: Request, address: string | null) => Client) | undefined;
  /** Default: a registry of its own. */
  metrics?: MetricsRegistry | undefined;
  /** The address that a server of ours is bound to; left out where the host does the listening. */
  boundTo?: string | undefined;
  /** Logged when the service opens. Default: none. */
  warnings?: readonly string[] | undefined;
}

/** The configuration, as in a configuration file, and objects of your own. */
export interface EdgeCookieOptions
  extends Omit<ConfigInput, "store" | "limiter">,
    Omit<OwnParts, "store" | "limiter" | "warnings"> {
  /** A store's URL, such as `sqlite:./data/millrace.db`, or a store. */
  store?: string | Store;
  /** `local`, another limiter's URL, or a limiter. */
  limiter?: string | RateLimiter;
}

/** A wrapped handler. */
export interface EdgeCookieHandler<Args extends unknown[]> {
  /** Answers at once where nothing has to be waited for, the wrapped handler included. */
  (request: Request, ...host: Args): Response | Promise<Response>;
  /** The running service; opens the store and the limiter if that has not happened. */
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
   * @param options the configuration; `publisher.domain` and `passphrases` have no default.
   * @returns a function that wraps your handler and gives back one of the same shape.
   * @throws {ConfigError} naming every fault of the configuration at once.
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
 * The same for a configuration that has been parsed: for hosts where parsing would be a good part of every request.
 * @returns a function that wraps a handler.
 */
export function withConfig<Args extends unknown[]>(
  host: Host<Args>,
  loadApp: LoadApp,
  config: Config,
  own: OwnParts,
) {
  const clientOf =
    own.readClient ??
    ((request: Request, address: string | null) => readClient(request.headers, address, config.client));
  // Some hosts make a call of it.
  const needsAddress = own.readClient !== undefined || needsSocketAddress(config.client);
  const faults = urlFaults(
    { ...(own.store ? {} : { store: config.store }), ...(own.limiter ? {} : { limiter: config.limiter }) },
    host,
  );
  if (faults.length > 0) throw new ConfigError(faults);
  const clock = own.clock ?? host.clock;
  const random = own.random ?? host.random;
  let service: Service | undefined;
  let cancelCheck = () => {};

  /** Says in the log what `millrace check` would have refused. */
  async function checkDomain(log: Log): Promise<void> {
    const { domain } = config.publisher;
    if (await host.isPublicSuffix?.(domain)) {
      log.error(`publisher.domain: "${domain}"; expected ${publicSuffixExpected(domain)}`);
    }
  }

  // Not before the first request: some hosts allow neither randomness nor connections while a module loads.
  function open(args: Args): Service {
    const { maxKeys } = config.throttle;
    const log = own.log ?? createLog({ level: host.logLevel, write: host.writeLog, clock });
    for (const warning of own.warnings ?? []) log.warn(warning);
    // Loading the list takes some 30 ms, which the first visitors need not wait for.
    if (host.isPublicSuffix !== undefined) {
      cancelCheck = clock.after(DOMAIN_CHECK_AFTER_MS, () => {
        checkDomain(log).catch((error) => log.warn("publisher.domain could not be checked", { error }));
      });
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
      loadApp,
      boundTo: own.boundTo ?? null,
    });
  }

  return function wrap(handler: FetchHandler<Args>): EdgeCookieHandler<Args> {
    const answer = (request: Request, ...args: Args): Response | Promise<Response> => {
      service ??= open(args);
      const client = clientOf(request, needsAddress ? host.address(request, args) : null);
      return service.respond(request, client, host.background(args), () => handler(request, ...args));
    };
    return Object.assign(answer, {
      service: (...args: Args) => (service ??= open(args)),
      async close() {
        cancelCheck();
        await service?.close();
      },
    });
  };
}
