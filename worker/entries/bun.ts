/**
 * millrace on Bun.
 * @module
 */
import { createEdgeCookie } from "../ec/edge-cookie.ts";
import { loadAllRoutes } from "../ec/routes/load.ts";
import { processHost } from "../hosts/process/process-host.ts";
import type { Entry } from "../hosts/server.ts";
import type { NodeExchange } from "../http/fetch-listener.ts";

/** As much of Bun's server as is used here. */
interface BunServer {
  requestIP(request: Request): { address: string } | null;
}

/** What a handler gets beside the request: from `Bun.serve` its server, from our own what `node:http` has. */
export type BunArgs = [server: BunServer | NodeExchange];

export const host = processHost<BunArgs>({
  name: "bun",
  address(request, [server]) {
    // Other servers may hand over nothing.
    if (server === undefined) return null;
    if ("incoming" in server) return server.incoming.socket.remoteAddress ?? null;
    return server.requestIP(request)?.address ?? null;
  },
});

export const edgeCookie = createEdgeCookie(host, loadAllRoutes);
export { ecOf } from "../ec/service.ts";

/** Serves with `node:http`, as on Node: `Bun.serve` changes paths and ends silent connections after 255 s. */
export const serve: Entry<BunArgs>["serve"] = async (...args) =>
  (await import("../http/server.ts")).serveHttp(...args);
