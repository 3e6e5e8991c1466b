/**
 * What hosts have in common that hand over each request as a `fetch` event: Fastly Compute and WASI HTTP.
 * @module
 */
import { createLog } from "../../../runtime/observe/log.ts";
import type { Redaction } from "../../../runtime/observe/redaction.ts";
import type { Fetch, Log } from "../../../runtime/platform.ts";
import type { Config } from "../../ec/config.ts";
import type { EdgeCookieHandler } from "../../ec/edge-cookie.ts";
import { readClient, readProtocol } from "../../http/client.ts";
import { proxyTo } from "../../http/proxy/fetch-proxy.ts";
import type { FetchHandler, Host } from "../host.ts";
import { createSystemClock } from "../system-clock.ts";

/** As much of such an event as is used here. */
export interface ServedEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
  waitUntil(work: Promise<unknown>): void;
}

declare const addEventListener: (type: "fetch", listener: (event: never) => void) => void;

export const clock = createSystemClock();

/**
 * Answers every event. The handler is opened with the first one, and again with the next if that failed: before, such
 * hosts give neither time nor randomness nor the network.
 */
export function answerEvents<Event extends ServedEvent>(
  host: Host<[event: Event]>,
  redact: Redaction,
  open: (log: Log) => Promise<EdgeCookieHandler<[event: Event]>>,
): void {
  let opening: Promise<EdgeCookieHandler<[event: Event]>> | undefined;

  async function answer(event: Event): Promise<Response> {
    const log = createLog({ level: host.logLevel, write: host.writeLog, clock: host.clock, redact });
    try {
      opening ??= open(log).catch((error) => {
        opening = undefined;
        throw error;
      });
      const handler = await opening;
      return await handler(event.request, event);
    } catch (error) {
      log.error("a request failed", { error });
      return new Response("the request failed; the log has the cause\n", {
        status: 500,
        headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
      });
    }
  }

  addEventListener("fetch", (event: Event) => event.respondWith(answer(event)));
}

/**
 * The site that a configuration names as its origin.
 * @param fetch must not decode bodies.
 * @param isOwnField whether a field belongs to the service, so that a client cannot send it to the origin.
 * @throws {Error} if it names none.
 */
export function originOf<Args extends unknown[]>(
  host: Host<Args>,
  { publisher, client }: Config,
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
  });
}
