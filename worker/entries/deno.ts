/**
 * millrace on Deno and Deno Deploy.
 * @module
 */
import { denoKvStore } from "../../runtime/stores/deno-kv.ts";
import { settlesWithin } from "../../runtime/within.ts";
import { createEdgeCookie } from "../edge-cookie.ts";
import { type Entry, urlOf } from "../server.ts";
import { processHost } from "./process-host.ts";

declare const Deno: {
  env: { get(name: string): string | undefined };
  unrefTimer(timer: unknown): void;
  serve(
    options: {
      hostname: string;
      port: number;
      onListen(): void;
      onError(error: unknown): Response;
    },
    handler: (request: Request, info: DenoInfo) => Response | Promise<Response>,
  ): { addr: { port: number }; shutdown(): Promise<void> };
};

/** As much of `Deno.ServeHandlerInfo` as is used here. */
interface DenoInfo {
  remoteAddr: { hostname?: string };
}

/** What Deno hands to a handler beside the request. */
export type DenoArgs = [info: DenoInfo];

/** Deno Deploy has no files to keep, but a database. */
const isOnDeploy = Deno.env.get("DENO_DEPLOYMENT_ID") !== undefined;

export const host = processHost<DenoArgs>({
  name: "deno",
  env: (name) => Deno.env.get(name),
  unref: (timer) => Deno.unrefTimer(timer),
  address: (_request, [info]) => info?.remoteAddr?.hostname ?? null,
  stores: { "deno-kv": (path, clock) => denoKvStore({ path, clock }) },
  ...(isOnDeploy ? { defaultStore: "deno-kv:" } : {}),
});

export const edgeCookie = createEdgeCookie(host);
export { ecOf } from "../service.ts";

/** Serves with `Deno.serve`. */
export const serve: Entry<DenoArgs>["serve"] = async (handler, listen, log) => {
  const server = Deno.serve(
    {
      hostname: listen.host,
      port: listen.port,
      // Without it Deno announces itself on standard output.
      onListen() {},
      onError(error) {
        log.error("a response failed", { error });
        return new Response(null, { status: 500 });
      },
    },
    handler,
  );
  return {
    url: urlOf({ host: listen.host, port: server.addr.port }),
    async close(graceMs) {
      // Deno cannot end a connection once it shuts down; what is left then ends with the process.
      await settlesWithin(server.shutdown(), graceMs, host.clock);
    },
  };
};
