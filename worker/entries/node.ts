/**
 * millrace on Node.
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
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
  const listener = getRequestListener(async (request, env) => {
    const { incoming, outgoing } = env as NodeArgs[0];
    const response = await handler(request, { incoming, outgoing });
    if (!response.headers.has("content-type")) keepUntyped(outgoing);
    return response;
  });
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, listener);
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

/** `@hono/node-server` calls a body without a media type plain text; a browser is to find out for itself instead. */
function keepUntyped(outgoing: ServerResponse): void {
  const writeHead = outgoing.writeHead;
  outgoing.writeHead = ((status: number, headers?: Record<string, string>) => {
    if (headers !== undefined) delete headers["content-type"];
    return writeHead.call(outgoing, status, headers);
  }) as ServerResponse["writeHead"];
}
