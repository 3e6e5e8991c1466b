/**
 * millrace on Node.
 * @module
 */
import { createEdgeCookie } from "../ec/edge-cookie.ts";
import { loadAllRoutes } from "../ec/routes/load.ts";
import { processHost } from "../hosts/process/process-host.ts";
import type { Entry } from "../hosts/server.ts";
import type { NodeExchange } from "../http/fetch-listener.ts";

/** What `@hono/node-server` hands to a handler beside the request. */
export type NodeArgs = [env: NodeExchange];

export const host = processHost<NodeArgs>({
  name: "node",
  // Other servers than hono's may hand over nothing.
  address: (_request, [env]) => env?.incoming?.socket?.remoteAddress ?? null,
});

export const edgeCookie = createEdgeCookie(host, loadAllRoutes);
export { ecOf } from "../ec/service.ts";

/** Serves with `node:http`; `@hono/node-server` replaces the global `Request` and `Response` by faster ones. */
export const serve: Entry<NodeArgs>["serve"] = async (...args) =>
  (await import("../http/server.ts")).serveHttp(...args);
