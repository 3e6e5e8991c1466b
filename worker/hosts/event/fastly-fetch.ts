/**
 * Calls to other servers from Fastly Compute.
 * @module
 */
import { Backend } from "fastly:backend";
import { CacheOverride } from "fastly:cache-override";
import type { Fetch } from "../../../runtime/platform.ts";
import { abortable } from "./abort.ts";

/** Timeouts of a call, in milliseconds. Callers have shorter ones. */
const TIMEOUTS = { connectTimeout: 5000, firstByteTimeout: 60_000, betweenBytesTimeout: 30_000 };

const backends = new Map<string, object>();

/** The backend for a URL's server, created at the first call, because partners may be registered at any time. */
function backendFor({ origin, protocol, host, hostname }: URL): object {
  let backend = backends.get(origin);
  if (backend === undefined) {
    const secure = protocol === "https:";
    backend = new Backend({
      name: origin,
      target: host,
      hostOverride: host,
      useSSL: secure,
      ...(secure ? { certificateHostname: hostname, sniHostname: hostname } : {}),
      ...TIMEOUTS,
    });
    backends.set(origin, backend);
  }
  return backend;
}

/** Calls a server without Fastly's cache, because responses belong to one visitor. */
export const dynamicFetch: Fetch = (url, { signal, ...init } = {}) => {
  const fastly = { ...init, backend: backendFor(new URL(url)), cacheOverride: new CacheOverride("pass") };
  return abortable(fetch(url, fastly), signal);
};
