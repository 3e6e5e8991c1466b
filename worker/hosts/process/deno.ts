/**
 * The hosts Deno and Deno Deploy.
 * @module
 */
import { denoKvStore } from "../../../runtime/stores/deno-kv.ts";
import type { NodeExchange } from "../../http/fetch-listener.ts";
import type { Entry, WorkerSupport } from "../server.ts";
import { processHost } from "./process-host.ts";
import { sharedSockets } from "./shared-port.ts";

declare const Deno: {
  env: { get(name: string): string | undefined };
  unrefTimer(timer: unknown): void;
};

/** The part of `Deno.ServeHandlerInfo` that is used here. */
interface DenoInfo {
  remoteAddr: { hostname?: string };
}

/** What a handler gets beside the request: from `Deno.serve` its info, from our own server what `node:http` has. */
export type DenoArgs = [info: DenoInfo | NodeExchange];

/** Deno Deploy has a database, and no files that last. */
const isOnDeploy = Deno.env.get("DENO_DEPLOYMENT_ID") !== undefined;

export const host = processHost<DenoArgs>({
  name: "deno",
  env: (name) => Deno.env.get(name),
  unref: (timer) => Deno.unrefTimer(timer),
  address(_request, [info]) {
    // Other servers may pass no argument.
    if (info === undefined) return null;
    return ("incoming" in info ? info.incoming.socket.remoteAddress : info.remoteAddr?.hostname) ?? null;
  },
  stores: { "deno-kv": (path, clock) => denoKvStore({ path, clock }) },
  ...(isOnDeploy ? { defaultStore: "deno-kv:" } : {}),
});

/** Serves with `node:http`, as on Node: `Deno.serve` changes paths and stops accepting when descriptors run out. */
export const serve: Entry<DenoArgs>["serve"] = async (...args) =>
  (await import("../../http/server.ts")).serveHttp(...args);

export const workers: WorkerSupport = sharedSockets;
