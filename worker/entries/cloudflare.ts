/**
 * millrace on Cloudflare Workers.
 *
 * Isolates start and stop at any time and share no memory: identities and exact counts are in Durable Objects of the class
 * `Millrace`. The kernels are compiled in advance, because a Worker must not compile WebAssembly.
 * @module
 */
import { env } from "cloudflare:workers";
import { createLog } from "../../runtime/observe/log.ts";
import { type EdgeConfigInput, readEdgeConfig } from "../ec/config.ts";
import { createEdgeCookie, type EdgeCookieHandler, type EdgeCookieOptions } from "../ec/edge-cookie.ts";
import { loadAllRoutes } from "../ec/routes/load.ts";
import { type CloudflareArgs, clientReader, host, rawFetch } from "../hosts/cloudflare/host.ts";
import { originOf } from "../hosts/event/event-host.ts";
import type { FetchHandler } from "../hosts/host.ts";

const withHost = createEdgeCookie(host, loadAllRoutes);

/**
 * Gives the site behind a fetch handler a first-party identity, as on any host. Cloudflare tells the client's address,
 * country and region, unless the configuration names headers for them.
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

/** A bundled configuration. Any text may be `{"env": "NAME"}`, a variable or secret of the Worker. */
export type CloudflareConfig = WithEnv<EdgeConfigInput>;

type WithEnv<T> = T extends string
  ? T | { env: string }
  : T extends readonly (infer Item)[]
    ? WithEnv<Item>[]
    : T extends object
      ? { [Key in keyof T]: WithEnv<T[Key]> }
      : T;

/** Options beside the configuration. */
export interface CloudflareServeOptions {
  /** The wrapped handler. Default: `publisher.origin` answers. */
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
  const log = createLog({ level: host.logLevel, write: host.writeLog, clock: host.clock });
  const wrap = edgeCookie({ ...config, store: config.store ?? host.defaultStore, log });
  return { fetch: wrap(site ?? originOf(host, config, rawFetch, log)) };
}

export { ecOf } from "../ec/service.ts";
export { type CloudflareArgs, host } from "../hosts/cloudflare/host.ts";
export { Millrace } from "../hosts/cloudflare/object.ts";
