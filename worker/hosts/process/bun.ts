/**
 * The host Bun.
 * @module
 */
import type { NodeExchange } from "../../http/fetch-listener.ts";
import type { Entry } from "../server.ts";
import { processHost } from "./process-host.ts";

/** The part of Bun's server that is used here. */
interface BunServer {
  requestIP(request: Request): { address: string } | null;
}

/** What a handler gets beside the request: from `Bun.serve` its server, from our own server what `node:http` has. */
export type BunArgs = [server: BunServer | NodeExchange];

export const host = processHost<BunArgs>({
  name: "bun",
  address(request, [server]) {
    // Other servers may pass no argument.
    if (server === undefined) return null;
    if ("incoming" in server) return server.incoming.socket.remoteAddress ?? null;
    return server.requestIP(request)?.address ?? null;
  },
});

/** Serves with `node:http`, as on Node: `Bun.serve` changes paths and ends silent connections after 255 s. */
export const serve: Entry<BunArgs>["serve"] = async (...args) =>
  (await import("../../http/server.ts")).serveHttp(...args);
