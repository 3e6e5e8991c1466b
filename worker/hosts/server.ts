/**
 * The HTTP server of a runtime that is a process.
 * @module
 */
import type { Log } from "../../runtime/platform.ts";
import type { ReverseProxy } from "../http/proxy/proxy.ts";
import type { SocketHooks } from "../http/socket.ts";
import type { FetchHandler, Host } from "./host.ts";

/** Where to listen. */
export interface Listen {
  host: string;
  /** 0: any free port. */
  port: number;
}

/** What answers on a listener. */
export interface Served {
  /** Answers the requests that the proxy leaves. Its arguments are the host's. */
  // biome-ignore lint/suspicious/noExplicitAny: the host's arguments pass through unread.
  readonly handler: FetchHandler<any>;
  /** Answers for a site behind the server, before the handler is asked. */
  readonly proxy?: ReverseProxy;
  /** Answers WebSockets. Without it they go to the proxy, and without a proxy they are refused with 501. */
  readonly socket?: SocketHooks;
  /**
   * The hosts, with their port if they have one, whose requests belong to this service where several share a listener. Left
   * out: every host that belongs to no other.
   */
  readonly hosts?: readonly string[];
}

/** A server that listens. */
export interface Server {
  /** Its address, with the port that it has. */
  url: string;
  /** Stops accepting and finishes what is in flight, for at most `graceMs` milliseconds. */
  close(graceMs: number): Promise<void>;
}

/** What the entry of a process runtime exports besides its face. */
// biome-ignore lint/suspicious/noExplicitAny: the host's arguments pass from its server to its host unread.
export interface Entry<Args extends unknown[] = any> {
  host: Host<Args>;
  /**
   * Starts a server.
   * @param served at least one; several are told apart by the request's host.
   * @throws what the runtime throws if it cannot listen there.
   */
  serve(served: readonly Served[], listen: Listen, log: Log): Promise<Server>;
}

/** The URL of a host and port. An IPv6 address gets its brackets. */
export function urlOf({ host, port }: Listen): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
