/**
 * The HTTP server of a runtime, as `millrace serve` sees it.
 * @module
 */
import type { Log } from "../../runtime/platform.ts";
import type { createEdgeCookie } from "../ec/edge-cookie.ts";
import type { ReverseProxy } from "../http/proxy.ts";
import type { FetchHandler, Host } from "./host.ts";

/** Where to listen. */
export interface Listen {
  host: string;
  /** 0: any free one. */
  port: number;
}

/** A server that listens. */
export interface Server {
  /** Where, with the port that it really has. */
  url: string;
  /** Accepts nothing more and finishes what is in flight; waits for that no longer than `graceMs` milliseconds. */
  close(graceMs: number): Promise<void>;
}

/** What a runtime's entry exports besides its host. */
// biome-ignore lint/suspicious/noExplicitAny: the host's arguments pass from its server to its host unread.
export interface Entry<Args extends unknown[] = any> {
  host: Host<Args>;
  edgeCookie: ReturnType<typeof createEdgeCookie<Args>>;
  /**
   * Starts a server.
   * @param proxy answers for a site behind the server, before the handler is asked
   * @throws what the runtime throws if it cannot listen there.
   */
  serve(handler: FetchHandler<Args>, listen: Listen, log: Log, proxy?: ReverseProxy): Promise<Server>;
}

/** A URL's host and port; an IPv6 address gets its brackets. */
export function urlOf({ host, port }: Listen): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
