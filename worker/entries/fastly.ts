/**
 * millrace on Fastly Compute.
 *
 * Fastly's JavaScript runs inside WebAssembly and cannot load another module, so the kernels are JavaScript. An instance serves
 * one request, or a few one after the other; identities are in a KV store.
 * @module
 */
import { setReusableSandboxOptions } from "fastly:experimental";
import { SecretStore } from "fastly:secret-store";
import { type Config, type EdgeConfigInput, readEdgeConfig } from "../ec/config.ts";
import { createEdgeCookie, type EdgeCookieOptions, withConfig } from "../ec/edge-cookie.ts";
import { passphraseFault } from "../ec/passphrase.ts";
import { loadAllRoutes } from "../ec/routes/load.ts";
import { answerEvents, originOf } from "../hosts/event/event-host.ts";
import { dynamicFetch } from "../hosts/event/fastly-fetch.ts";
import {
  clientReader,
  type FastlyArgs,
  host,
  NAME,
  openLimiter,
  openStore,
} from "../hosts/event/fastly-host.ts";
import {
  replaceSecrets,
  replaceTexts,
  secretNames,
  standIn,
  type WithSecrets,
} from "../hosts/event/stored-secrets.ts";
import type { FetchHandler } from "../hosts/host.ts";

const withHost = createEdgeCookie(host, loadAllRoutes);

/**
 * Gives the site behind a fetch handler a first-party identity, as on any host. The handler also gets the event.
 * Fastly tells the visitor's country and region, unless the configuration names a header for it.
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

/** A bundled configuration. Any text may be `{"secret": "NAME"}`, from the secret store `millrace`. */
export type FastlyConfig = WithSecrets<EdgeConfigInput>;

/** Options beside the configuration. */
export interface FastlyServeOptions {
  /** The wrapped handler. Default: `publisher.origin` answers, without Fastly's cache. */
  site?: FetchHandler<FastlyArgs>;
  /**
   * Number of requests that an instance serves, one after the other. Default: Fastly's, 1. With more, most requests save the
   * 4 ms of opening the service, and a partner's registration takes up to 5 s to reach all instances.
   */
  requestsPerInstance?: number;
}

/**
 * Answers every request: the site, with an identity. Reads the configuration's secrets from the secret store when an instance
 * starts.
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
  answerEvents(host, async (log) => {
    const config = await withStoredSecrets(checked, secretNames(bundled));
    const site = options.site ?? originOf(host, config, dynamicFetch, log);
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

/** Replaces the placeholders of a checked configuration by the texts of the secret store. */
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
export { type FastlyArgs, type FastlyEvent, host } from "../hosts/event/fastly-host.ts";
