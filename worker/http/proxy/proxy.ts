/**
 * A reverse proxy: `node:http` for clients, undici for the origin. It forwards the request line and the bytes of the fields
 * unchanged, and frames the bodies again.
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { createLogOnce, type LogOnce } from "../../../runtime/observe/log.ts";
import type { Tracer } from "../../../runtime/observe/tracer.ts";
import type { Clock, Log } from "../../../runtime/platform.ts";
import { CHECK_MS } from "./clocks.ts";
import { Exchange, type ExchangeParts } from "./exchange.ts";
import { createRequestFilter, type Fields, type IsOwnField } from "./fields.ts";
import { openOrigin } from "./origin.ts";
import type { ExchangeFault, Passage } from "./passage.ts";
import { refuse, refuseOnSocket } from "./refuse.ts";
import { relocation } from "./relocation.ts";
import { methodRefusal, type RequestHead } from "./request-head.ts";
import { enterTrace } from "./trace.ts";
import { passUpgrade } from "./upgrade.ts";

/** Period in which a repeated fault of the origin is counted instead of logged, in milliseconds. */
const LOG_WINDOW_MS = 60_000;

/** The client of a request, for the `X-Forwarded-*` fields. */
export interface ForwardedClient {
  /** The client's address; `null` if unknown. */
  ip: string | null;
  protocol: "http" | "https";
}

/** A request before it is forwarded. */
export interface PassedRequest {
  readonly method: string;
  /** The unchanged path and query. */
  readonly path: string;
  readonly headers: Fields;
  /** The peer's address; `null` if the connection is closed. */
  readonly peer: string | null;
}

/** Options of {@link createProxy}. */
export interface ProxyOptions {
  /** Scheme, host and port, for example `http://127.0.0.1:9000`. */
  readonly origin: string;
  /** The `Host` for the origin; `null` forwards the client's. */
  readonly originHost: string | null;
  /** The host of requests without one, which HTTP/1.0 allows. */
  readonly defaultHost: string;
  /** Timeout for the start of the origin's response, in milliseconds. An upload that makes progress restarts it. */
  readonly timeoutMs: number;
  /**
   * Whether a field belongs to the service. A client cannot send it to the origin, and an interim response does not carry it.
   * @param name in lower case
   */
  readonly isOwnField: IsOwnField;
  readonly clock: Clock;
  readonly log: Log;
  /** Gives the request to the origin its place in the client's trace. */
  readonly tracer: Tracer;
  /** Called for each failed exchange. */
  onFault?(fault: ExchangeFault): void;
  /** Reads the client from the fields of a request and the peer's address. */
  clientOf(fields: Fields, peer: string | null): ForwardedClient;
  /** Whether a path is the origin's. The service answers the others. @param path the unchanged path and query */
  isForOrigin(path: string): boolean;
  /** Begins the service's part in a request for the origin. */
  admit(request: PassedRequest): Passage;
}

/** A proxy in front of one origin. */
export interface ReverseProxy {
  /**
   * Forwards a request, or refuses it.
   * @param expectsContinue whether the client waits for `100 Continue`
   * @returns `false` if the request is not for the origin
   */
  request(
    request: IncomingMessage,
    response: ServerResponse,
    head: RequestHead,
    expectsContinue: boolean,
  ): boolean;
  /**
   * Forwards a WebSocket.
   * @param behind bytes that followed the request
   */
  upgrade(request: IncomingMessage, socket: Socket, head: RequestHead, behind: Buffer): void;
  /** Closes all connections to the origin. */
  close(): Promise<void>;
}

/** Creates a proxy. It opens no connection before the first request. */
export function createProxy(options: ProxyOptions): ReverseProxy {
  return new OriginProxy(options);
}

class OriginProxy implements ReverseProxy {
  readonly #options: ProxyOptions;
  readonly #once: LogOnce;
  readonly #requestFields: ReturnType<typeof createRequestFilter>;
  /** Writes the origin's own address in `location` as the client's; `null` if the origin gets the client's host. */
  readonly #relocate: ReturnType<typeof relocation> | null;
  readonly #running = new Set<Exchange>();
  readonly #ticks = { nowMs: 0 };
  readonly #tickMs: number;
  /** What exchanges and upgrades need of the proxy. */
  readonly #parts: ExchangeParts;
  #stopTicking = () => {};

  constructor(options: ProxyOptions) {
    const { clock, timeoutMs, isOwnField, originHost } = options;
    this.#options = options;
    this.#once = createLogOnce(options.log, clock, LOG_WINDOW_MS);
    this.#requestFields = createRequestFilter(isOwnField);
    const origin = openOrigin(options.origin);
    this.#relocate = originHost === null ? null : relocation(origin.url, originHost);
    // Short enough for the shortest configured timeout.
    this.#tickMs = Math.max(10, Math.min(CHECK_MS, Math.floor(timeoutMs / 8)));
    const onFault = (fault: ExchangeFault, error: unknown) => {
      options.onFault?.(fault);
      logFault(this.#once, options, fault, error);
    };
    const [ticks, running] = [this.#ticks, this.#running];
    this.#parts = { origin, clock, timeoutMs, ticks, running, isOwnField, onFault };
    this.#tick();
  }

  request(
    request: IncomingMessage,
    response: ServerResponse,
    { path, host: askedHost, fields, framing }: RequestHead,
    expectsContinue: boolean,
  ): boolean {
    const { defaultHost, originHost } = this.#options;
    // Before the method is checked: the service's own routes answer 405 to every method that they lack.
    if (!this.#options.isForOrigin(path)) return false;
    const method = request.method!;
    const peer = request.socket.remoteAddress ?? null;
    // Before anything begins with the request: a refused one has no passage to end.
    const refusal = methodRefusal(method);
    if (refusal !== null) {
      refuse(request, response, refusal);
      return true;
    }
    const passage = this.#options.admit({ method, path, headers: fields, peer });
    const { passed, protocol, span } = this.#outgoingFields(fields, askedHost, peer);
    const host = askedHost ?? defaultHost;
    const relocate = this.#relocate;
    const outgoing = {
      method,
      path,
      host: originHost ?? host,
      fields: passed,
      framing,
      expectsContinue,
      span,
      relocate: relocate === null ? null : (location: string) => relocate(location, `${protocol}://${host}`),
    };
    new Exchange(this.#parts, request, response, outgoing, passage).start();
    return true;
  }

  upgrade(
    request: IncomingMessage,
    socket: Socket,
    { path, host, fields, framing }: RequestHead,
    behind: Buffer,
  ): void {
    if (framing.kind !== "none" || request.method !== "GET") {
      refuseOnSocket(socket, {
        status: 400,
        message: "a WebSocket begins with a GET without a body",
      });
      return;
    }
    const { originHost, defaultHost } = this.#options;
    const peer = socket.remoteAddress ?? null;
    const { passed, span } = this.#outgoingFields(fields, host, peer);
    const outgoing = { path, host: originHost ?? host ?? defaultHost, fields: passed, span };
    passUpgrade(this.#parts, outgoing, socket, behind);
  }

  async close(): Promise<void> {
    this.#stopTicking();
    this.#once.flush();
    await this.#parts.origin.destroy();
  }

  #tick(): void {
    this.#stopTicking = this.#options.clock.after(this.#tickMs, () => this.#tick());
    this.#ticks.nowMs += this.#tickMs;
    for (const exchange of this.#running) exchange.check();
  }

  /** The fields for the origin: the client's, and those about the client. */
  #outgoingFields(fields: Fields, host: string | null, peer: string | null) {
    const { ip, protocol } = this.#options.clientOf(fields, peer);
    const passed = this.#requestFields(fields);
    const span = enterTrace(passed, this.#options.tracer);
    if (ip !== null) passed.push("x-forwarded-for", ip);
    passed.push("x-forwarded-host", host ?? this.#options.defaultHost, "x-forwarded-proto", protocol);
    return { passed, protocol, span };
  }
}

/** Logs faults of the origin at most once in a period; faults of clients only at debug level. */
function logFault(
  once: LogOnce,
  { origin, timeoutMs, log }: ProxyOptions,
  fault: ExchangeFault,
  error: unknown,
) {
  if (fault === "unreachable") once.error("502", "the origin cannot be reached", { origin, error });
  else if (fault === "timeout") once.error("504", "the origin did not answer in time", { origin, timeoutMs });
  else if (fault === "broken_off")
    once.warn("broken off", "the origin broke off an answer", { origin, error });
  else log.debug("a client did not end its request", { fault });
}
