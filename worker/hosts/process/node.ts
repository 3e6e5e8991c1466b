/**
 * The host Node.
 * @module
 */
import type { NodeExchange } from "../../http/fetch-listener.ts";
import type { Entry, WorkerSupport } from "../server.ts";

import { processHost } from "./process-host.ts";
import { requireVersion } from "./runtime-version.ts";
import { sharedSockets } from "./shared-port.ts";

requireVersion("Node", process.versions.node);

/** What `@hono/node-server` hands to a handler beside the request. */
export type NodeArgs = [env: NodeExchange];

export const host = processHost<NodeArgs>({
  name: "node",
  // Servers other than hono's may pass no argument.
  address: (_request, [env]) => env?.incoming?.socket?.remoteAddress ?? null,
});

/** Serves with `node:http`. */
export const serve: Entry<NodeArgs>["serve"] = async (...args) =>
  (await import("../../http/server.ts")).serveHttp(...args);

export const workers: WorkerSupport = sharedSockets;
