/**
 * millrace on Node.
 * @module
 */
import { createServer, type IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isObject } from "../../runtime/json.ts";
import { createEdgeCookie } from "../edge-cookie.ts";
import { type Entry, MAX_HEADER_BYTES, urlOf } from "../server.ts";
import { processHost } from "./process-host.ts";

/** What `@hono/node-server` hands to a handler beside the request. */
export type NodeArgs = [env: { incoming: IncomingMessage; outgoing: ServerResponse }];

export const host = processHost<NodeArgs>({
  name: "node",
  // Other servers than hono's may hand over nothing.
  address: (_request, [env]) => env?.incoming?.socket?.remoteAddress ?? null,
});

export const edgeCookie = createEdgeCookie(host);
export { ecOf } from "../service.ts";

/** How often a closing server looks for connections that have become idle, in milliseconds. */
const IDLE_CHECK_MS = 50;

/** Serves with `@hono/node-server`, which replaces the global `Request` and `Response` by faster ones. */
export const serve: Entry<NodeArgs>["serve"] = async (handler, listen, log) => {
  const { getRequestListener } = await import("@hono/node-server");
  const listener = getRequestListener((request, env) => {
    const { incoming, outgoing } = env as { incoming: IncomingMessage; outgoing: Outgoing };
    const answer = handler(request, { incoming, outgoing });
    if (!("then" in answer)) return outgoing.keep(answer);
    return answer.then((response) => outgoing.keep(response));
  });
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, ServerResponse: Outgoing }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(listen.port, listen.host, resolve);
  });
  server.on("error", (error) => log.error("the server failed", { error }));
  const { port } = server.address() as AddressInfo;
  return {
    url: urlOf({ host: listen.host, port }),
    async close(graceMs) {
      const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
      const end = setTimeout(() => server.closeAllConnections(), graceMs);
      await new Promise((resolve) => server.close(resolve));
      clearInterval(idle);
      clearTimeout(end);
    },
  };
};

/** What `@hono/node-server` calls a body without a media type. */
const DEFAULT_TYPE = "text/plain; charset=UTF-8";

/** Leaves a body without a media type untyped: a browser is to find out for itself instead. */
class Outgoing extends ServerResponse {
  #answer: Response | null = null;

  /** Keeps the answer that will be written, to look at its own headers then. */
  keep(answer: Response): Response {
    this.#answer = answer;
    return answer;
  }

  // biome-ignore lint/suspicious/noExplicitAny: a reason phrase may come before the headers; they pass through unread.
  override writeHead(status: number, first?: any, second?: any): this {
    const headers: unknown = second ?? first;
    if (isObject(headers)) {
      for (const name of ["content-type", "Content-Type"]) {
        if (headers[name] === DEFAULT_TYPE && this.#answer?.headers.has("content-type") === false)
          delete headers[name];
      }
    }
    return super.writeHead(status, first, second);
  }
}
