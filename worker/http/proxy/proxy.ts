/**
 * A reverse proxy over the runtime's own HTTP: `node:http` toward clients, undici toward the origin. The request line and the
 * fields' bytes go on as they came; framing is made for what is sent.
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { createLogOnce, type LogOnce } from "../../../runtime/observe/log.ts";
import type { Clock, Log } from "../../../runtime/platform.ts";
import { CHECK_MS } from "./clocks.ts";
import { Exchange, type ExchangeFault, type Passage } from "./exchange.ts";
import { type Fields, requestFields } from "./fields.ts";
import { openOrigin } from "./origin.ts";
import { refuse, refuseOnSocket } from "./refuse.ts";
import { relocation } from "./relocation.ts";
import { methodRefusal, type RequestHead } from "./request-head.ts";
import { passUpgrade } from "./upgrade.ts";

/** How long the same fault of the origin is only counted in the log, in milliseconds. */
const LOG_WINDOW_MS = 60_000;

/** Who asks, as the origin is told. */
export interface Told {
  /** The client's address; `null`: not known. */
  ip: string | null;
  protocol: "http" | "https";
}

/** A request as a service sees it before it is passed on. */
export interface PassedRequest {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly path: string;
  readonly headers: Fields;
  /** The address of the connection's other end; `null`: it is gone. */
  readonly peer: string | null;
}

/** What {@link createProxy} needs. */
export interface ProxyOptions {
  /** Scheme, host and port, such as `http://127.0.0.1:9000`. */
  readonly origin: string;
  /** The `Host` that the origin gets; `null`: the one that the client asked for. */
  readonly originHost: string | null;
  /** The host of requests that name none, which HTTP/1.0 allows. */
  readonly defaultHost: string;
  /** How long the origin may be silent before its answer, in milliseconds; uploading is not silence. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Counts what went wrong. */
  onFault?(fault: ExchangeFault): void;
  /** Who asks, from the fields of a request and the address of its connection. */
  told(fields: Fields, peer: string | null): Told;
  /** What a service does with a request; `null`: the request is not the origin's. */
  admit(request: PassedRequest): Passage | null;
}

/** A proxy in front of one origin. */
export interface ReverseProxy {
  /**
   * Answers a request, by the origin or by a refusal.
   * @param expectsContinue the client waits for `100 Continue`
   * @returns `false` if the request is not the origin's
   */
  request(
    request: IncomingMessage,
    response: ServerResponse,
    head: RequestHead,
    expectsContinue: boolean,
  ): boolean;
  /**
   * Answers a request for a WebSocket.
   * @param behind bytes that came behind the request
   */
  upgrade(request: IncomingMessage, socket: Socket, head: RequestHead, behind: Buffer): void;
  /** Ends all connections to the origin. */
  close(): Promise<void>;
}

/** Puts a proxy together. Opens no connection by itself. */
export function createProxy(options: ProxyOptions): ReverseProxy {
  const { clock, timeoutMs } = options;
  const once = createLogOnce(options.log, clock, LOG_WINDOW_MS);
  const origin = openOrigin(options.origin);
  const relocate = options.originHost === null ? null : relocation(origin.url, options.originHost);
  const running = new Set<Exchange>();
  const ticks = { nowMs: 0 };
  // Short enough for the shortest clock that is configured.
  const tickMs = Math.max(10, Math.min(CHECK_MS, Math.floor(timeoutMs / 8)));
  let stopTicking = () => {};
  function tick(): void {
    stopTicking = clock.after(tickMs, tick);
    ticks.nowMs += tickMs;
    for (const exchange of running) exchange.check();
  }
  tick();
  const parts = {
    origin,
    clock,
    timeoutMs,
    ticks,
    running,
    onFault(fault: ExchangeFault, error: unknown) {
      options.onFault?.(fault);
      logFault(once, options, fault, error);
    },
  };

  /** The fields that the origin gets: the client's, and what we say of it. */
  function outgoingFields(fields: Fields, host: string | null, peer: string | null) {
    const { ip, protocol } = options.told(fields, peer);
    const passed = requestFields(fields);
    if (ip !== null) passed.push("x-forwarded-for", ip);
    passed.push("x-forwarded-host", host ?? options.defaultHost, "x-forwarded-proto", protocol);
    return { passed, protocol };
  }

  return {
    request(request, response, { path, host: askedHost, fields, framing }, expectsContinue) {
      const method = request.method!;
      const peer = request.socket.remoteAddress ?? null;
      const passage = options.admit({ method, path, headers: fields, peer });
      if (passage === null) return false;
      const refusal = methodRefusal(method);
      if (refusal !== null) {
        refuse(request, response, refusal);
        return true;
      }
      const { passed, protocol } = outgoingFields(fields, askedHost, peer);
      const host = askedHost ?? options.defaultHost;
      const outgoing = {
        method,
        path,
        host: options.originHost ?? host,
        fields: passed,
        framing,
        expectsContinue,
        relocate:
          relocate === null ? null : (location: string) => relocate(location, `${protocol}://${host}`),
      };
      new Exchange(parts, request, response, outgoing, passage).start();
      return true;
    },

    upgrade(request, socket, { path, host, fields, framing }, behind) {
      if (framing.kind !== "none" || request.method !== "GET") {
        return refuseOnSocket(socket, {
          status: 400,
          message: "a WebSocket begins with a GET without a body",
        });
      }
      const peer = socket.remoteAddress ?? null;
      const { passed } = outgoingFields(fields, host, peer);
      const outgoing = { path, host: options.originHost ?? host ?? options.defaultHost, fields: passed };
      passUpgrade(parts, outgoing, socket, behind);
    },

    async close() {
      stopTicking();
      once.flush();
      await origin.destroy();
    },
  };
}

/** A fault of the origin's that every visitor meets is told once in a while; what clients do is no fault. */
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
