/**
 * The server of Node. Loaded when one is wanted: `node:http` alone takes a good part of a cold start.
 * @module
 */
import { createServer, type IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { isObject } from "../../runtime/json.ts";
import { isPending } from "../../runtime/within.ts";
import { type Entry, MAX_HEADER_BYTES, urlOf } from "../server.ts";
import type { NodeArgs } from "./node.ts";

/** How often a closing server looks for connections that have become idle, in milliseconds. */
const IDLE_CHECK_MS = 50;

/** See `serve` of `node.ts`. */
export const serve: Entry<NodeArgs>["serve"] = async (handler, listen, log) => {
  const listener = getRequestListener((request, env) => {
    const { incoming, outgoing } = env as { incoming: IncomingMessage; outgoing: Outgoing };
    const answer = handler(request, { incoming, outgoing });
    if (!isPending(answer)) return outgoing.keep(answer);
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
