/**
 * The HTTP server of a runtime that is a process.
 * @module
 */
import type { Tracer } from "../../runtime/observe/tracer.ts";
import type { Log } from "../../runtime/platform.ts";
import type { AccessLog } from "../http/access-log.ts";
import type { ReverseProxy } from "../http/proxy/proxy.ts";
import type { SocketHooks } from "../http/socket.ts";
import type { FetchHandler, Host } from "./host.ts";

/** Where to listen. */
export interface Listen {
  host: string;
  /** 0: any free port. */
  port: number;
}

/** Where one of several processes listens. */
export interface SharedListen extends Listen {
  /** The socket that the processes share. Absent: each has a listener of its own on the port. */
  readonly socket?: object;
}

/** A handler for our own server. Its arguments are the host's. */
// biome-ignore lint/suspicious/noExplicitAny: the host's arguments pass through unread.
export interface ServedHandler extends FetchHandler<any> {
  /**
   * The same with the fields of the request as they came, for a server that has read them: `Headers` take longer. Only the server
   * calls it: code between it and the handler may have changed the request's own headers.
   */
  withFields?(
    request: Request,
    fields: FieldsByName,
    // biome-ignore lint/suspicious/noExplicitAny: the host's arguments pass through unread.
    ...host: any[]
  ): Response | Promise<Response>;
}

/** Header fields by their names in lower case. */
export interface FieldsByName {
  get(name: string): string | null;
}

/** What answers on a listener. */
export interface Served {
  /** Answers the requests that the proxy does not take. */
  readonly handler: ServedHandler;
  /** Answers for a site behind the server, before the handler. */
  readonly proxy?: ReverseProxy;
  /** Answers WebSockets. Without it they go to the proxy, and without a proxy they are refused with 501. */
  readonly socket?: SocketHooks;
  /** Longest silence in the middle of a body, in milliseconds; 0: the handler has limits of its own. Default: 60 s. */
  readonly uploadIdleMs?: number;
  /** Headers of answers to requests that no handler sees because they cannot be read. Default: none. */
  readonly refusalHeaders?: Readonly<Record<string, string>>;
  /**
   * The hosts whose requests belong to this service where several services share a listener. A host without a port matches
   * any port. Default: every host that belongs to no other service.
   */
  readonly hosts?: readonly string[];
}

/** A server that listens. */
export interface Server {
  /** Its address, with the port that it has. */
  url: string;
  /** Stops accepting, and finishes requests in flight within `graceMs` milliseconds. */
  close(graceMs: number): Promise<void>;
}

/** The host of a runtime that is a process, and its server. */
// biome-ignore lint/suspicious/noExplicitAny: the host's arguments pass from its server to its host unread.
export interface Entry<Args extends unknown[] = any> {
  host: Host<Args>;
  /**
   * Starts a server.
   * @param served at least one. The request's host selects one of several.
   * @param access default: no access log
   * @param tracer records a span for each request. Default: none is recorded.
   * @throws what the runtime throws if it cannot listen there.
   */
  serve(
    served: readonly Served[],
    listen: SharedListen,
    log: Log,
    access?: AccessLog,
    tracer?: Tracer | null,
  ): Promise<Server>;
  /** How several processes serve one port on this runtime. */
  readonly workers: WorkerSupport;
}

/** How several processes serve one port. */
export interface WorkerSupport {
  /** Why they cannot; `null`: they can. */
  fault(): string | null;
  /** Why one of them cannot be replaced without a lost connection; `null`: it can. */
  replaceFault(): string | null;
  /**
   * Binds a socket that every process gets. Missing: each process has a listener of its own on the port.
   * @throws if it cannot be bound.
   */
  bind?(address: Listen, family: 4 | 6): { close(): void };
  /** Environment variables of a process that has a listener of its own on a port that others have, too. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The URL of a host and port. An IPv6 address gets its brackets. */
export function urlOf({ host, port }: Listen): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
