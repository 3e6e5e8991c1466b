/**
 * The HTTP server of a runtime, as `millrace serve` sees it.
 * @module
 */
import type { Log } from "../runtime/platform.ts";
import type { createEdgeCookie } from "./edge-cookie.ts";
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
   * @throws what the runtime throws if it cannot listen there.
   */
  serve(handler: FetchHandler<Args>, listen: Listen, log: Log): Promise<Server>;
}

/** The largest head of a message, in bytes: cookies of 64 KiB and what goes with them. */
export const MAX_HEADER_BYTES = 128 * 1024;

/** A URL's host and port; an IPv6 address gets its brackets. */
export function urlOf({ host, port }: Listen): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
