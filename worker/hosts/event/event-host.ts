/**
 * What hosts with a `fetch` event for each request have in common: Fastly Compute and WASI HTTP.
 * @module
 */
import { createLog, type LogLevel } from "../../../runtime/observe/log.ts";
import type { Redaction } from "../../../runtime/observe/redaction.ts";
import { createPropagation } from "../../../runtime/observe/tracer.ts";
import type { Fetch, Log } from "../../../runtime/platform.ts";
import { type ClientHeaders, readClient, readProtocol } from "../../http/client.ts";
import { proxyTo } from "../../http/proxy/fetch-proxy.ts";
import type { FetchHandler, Host } from "../host.ts";
import { createSystemClock } from "../system-clock.ts";

/** The part of such an event that is used here. */
export interface ServedEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
  waitUntil(work: Promise<unknown>): void;
}

declare const addEventListener: (type: "fetch", listener: (event: never) => void) => void;

export const clock = createSystemClock();

/** Creates a log. `null`: the host's level. */
export type CreateLog = (level: LogLevel | null) => Log;

/**
 * Answers every event. Opens the handler at the first event: these hosts allow no time, randomness or network before it.
 * If opening fails, the next event tries again.
 */
export function answerEvents<Event extends ServedEvent>(
  host: Host<[event: Event]>,
  redact: Redaction,
  open: (createLog: CreateLog) => Promise<FetchHandler<[event: Event]>>,
): void {
  let opening: Promise<FetchHandler<[event: Event]>> | undefined;

  function logAt(level: LogLevel | null): Log {
    return createLog({ level: level ?? host.logLevel, write: host.writeLog, clock: host.clock, redact });
  }

  async function answer(event: Event): Promise<Response> {
    try {
      opening ??= open(logAt).catch((error) => {
        opening = undefined;
        throw error;
      });
      const handler = await opening;
      return await handler(event.request, event);
    } catch (error) {
      logAt(null).error("a request failed", { error });
      return new Response("the request failed; the log has the cause\n", {
        status: 500,
        headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
      });
    }
  }

  addEventListener("fetch", (event: Event) => event.respondWith(answer(event)));
}

/** An origin server, and the headers that tell about the client. */
export interface OriginConfig {
  readonly publisher: { readonly origin: string | null; readonly originTimeoutMs: number };
  readonly client: ClientHeaders;
}

/**
 * A handler that answers with what the configured origin answers.
 * @param fetch must not decode bodies.
 * @param isOwnField whether a field belongs to the service, so that a client cannot send it to the origin.
 * @throws {Error} if the configuration names no origin.
 */
export function originOf<Args extends unknown[]>(
  host: Host<Args>,
  { publisher, client }: OriginConfig,
  fetch: Fetch,
  log: Log,
  isOwnField: (name: string) => boolean,
): FetchHandler<Args> {
  const { origin, originTimeoutMs } = publisher;
  if (origin === null) throw new Error("there is no site: name publisher.origin, or give a site of your own");
  return proxyTo({
    origin,
    timeoutMs: originTimeoutMs,
    fetch,
    isOwnField,
    clientOf(request, args) {
      const address = host.address(request, args);
      return {
        ip: readClient(request.headers, address, client).ip,
        protocol: readProtocol(request.headers, address, client),
      };
    },
    clock: host.clock,
    log,
    tracer: createPropagation(host.random),
  });
}
