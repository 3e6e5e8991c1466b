/**
 * millrace on Bun.
 * @module
 */
import { createEdgeCookie } from "../edge-cookie.ts";
import { type Entry, MAX_HEADER_BYTES, urlOf } from "../server.ts";
import { processHost } from "./process-host.ts";

/** As much of Bun's server as is used here. */
interface BunServer {
  port: number;
  requestIP(request: Request): { address: string } | null;
  stop(closeActiveConnections?: boolean): Promise<void>;
}

declare const Bun: {
  serve(options: {
    hostname: string;
    port: number;
    idleTimeout: number;
    maxRequestBodySize: number;
    development: boolean;
    reusePort: boolean;
    fetch(request: Request, server: BunServer): Response | Promise<Response>;
    error(error: Error): Response;
  }): BunServer;
};

/** What Bun hands to a handler beside the request. */
export type BunArgs = [server: BunServer];

export const host = processHost<BunArgs>({
  name: "bun",
  address: (request, [server]) => server?.requestIP(request)?.address ?? null,
});

export const edgeCookie = createEdgeCookie(host);
export { ecOf } from "../service.ts";

/** How long a connection may be silent, in seconds: Bun's highest. Its default would cut off a slow origin. */
const IDLE_TIMEOUT_SECONDS = 255;

/** Serves with `Bun.serve`. */
export const serve: Entry<BunArgs>["serve"] = async (handler, listen, log) => {
  // Not before it is needed: loading it takes longer than all the rest.
  const { default: http } = await import("node:http");
  // Bun takes the limit for its own server from here, too; the types know it as a constant.
  (http as { maxHeaderSize: number }).maxHeaderSize = MAX_HEADER_BYTES;
  const server = Bun.serve({
    hostname: listen.host,
    port: listen.port,
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    development: false,
    // Bun's default outside development; it would let two servers share a port without anybody noticing.
    reusePort: false,
    fetch: handler,
    error(error) {
      log.error("a response failed", { error });
      return new Response(null, { status: 500 });
    },
  });
  return {
    url: urlOf({ host: listen.host, port: server.port }),
    async close(graceMs) {
      const end = setTimeout(() => server.stop(true), graceMs);
      await server.stop();
      clearTimeout(end);
    },
  };
};
