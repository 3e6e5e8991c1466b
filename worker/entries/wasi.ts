/**
 * millrace on WASI HTTP: a component that exports `wasi:http/incoming-handler`, made of JavaScript by componentize-js,
 * for wasmtime, Spin, wasmCloud and the like.
 *
 * An instance serves one request, so identities are in a store that another machine serves (`millrace store`). The host tells
 * nothing about the client: the headers under `client` must be named.
 * @module
 */
import { type EdgeConfigInput, readEdgeConfig } from "../ec/config.ts";
import { createEdgeCookie, type EdgeCookieOptions, withConfig } from "../ec/edge-cookie.ts";
import { loadAllRoutes } from "../ec/routes/load.ts";
import { answerEvents, originOf } from "../hosts/event/event-host.ts";
import {
  environment,
  host,
  openLimiter,
  openStore,
  rawFetch,
  type WasiArgs,
} from "../hosts/event/wasi-host.ts";
import type { FetchHandler } from "../hosts/host.ts";

const withHost = createEdgeCookie(host, loadAllRoutes);

/**
 * Gives the site behind a fetch handler a first-party identity, as on any host. The handler also gets the event.
 * Call it at the first request: while a component is built it has no environment and no randomness.
 */
export function edgeCookie(options: EdgeCookieOptions): ReturnType<typeof withHost> {
  const { store = host.defaultStore, limiter = "local" } = options;
  const opened = typeof store === "string" ? openStore(store) : store;
  return withHost({
    ...options,
    store: opened,
    limiter: typeof limiter === "string" ? openLimiter(limiter, opened) : limiter,
  });
}

/** A part of a configuration: the environment may add the rest. */
type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [Key in keyof T]?: DeepPartial<T[Key]> }
    : T;

/** Options beside the configuration. */
export interface WasiServeOptions {
  /** The wrapped handler. Default: `publisher.origin` answers. */
  site?: FetchHandler<WasiArgs>;
}

/**
 * Answers every request: the site, with an identity.
 *
 * @param bundled the part of the configuration that is built in. Environment variables add to it and override it:
 * `MILLRACE_` and the field's path, such as `MILLRACE_EDGE_COOKIE_STORE`; a text may be `{"env": "NAME"}`. A fault is in the log
 * of the first request.
 *
 * @example
 * ```ts
 * import { serve } from "millrace/wasi";
 * serve({ client: { ipHeader: "x-real-ip", countryHeader: "x-country" } });
 * ```
 */
export function serve(bundled: DeepPartial<EdgeConfigInput> = {}, { site }: WasiServeOptions = {}): void {
  answerEvents(host, async (log) => {
    const config = readEdgeConfig(bundled, environment());
    if (config.store === null)
      throw new Error("there is no store: set MILLRACE_EDGE_COOKIE_STORE to http://:TOKEN@HOST:PORT/");
    const store = openStore(config.store);
    const limiter = openLimiter(config.limiter, store);
    return withConfig(host, loadAllRoutes, config, { store, limiter, log })(
      site ?? originOf(host, config, rawFetch, log),
    );
  });
}

export { ecOf } from "../ec/service.ts";
export { environment, host, type WasiArgs } from "../hosts/event/wasi-host.ts";
