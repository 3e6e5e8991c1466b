/**
 * The host Bun.
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import type { NodeExchange } from "../../http/fetch-listener.ts";
import type { Entry, WorkerSupport } from "../server.ts";
import { createCollector } from "./collector.ts";
import { processHost } from "./process-host.ts";

/** The part of Bun's server that is used here. */
interface BunServer {
  requestIP(request: Request): { address: string } | null;
}

/** What a handler gets beside the request: from `Bun.serve` its server, from our own server what `node:http` has. */
export type BunArgs = [server: BunServer | NodeExchange];

/** The part of the global object `Bun` that is used here. */
declare const Bun: { gc(isImmediate: boolean): void };

/**
 * Bytes that may pass before garbage is collected. Bun counts bytes outside of its heap late: `node:http` alone, which reads and
 * drops 1 GiB, grows by 20 to 200 MiB, in proportion to what the rest of the process holds.
 */
const COLLECT_AFTER_BYTES = 128 * 1024 ** 2;
let passedBytes = 0;

export const host = processHost<BunArgs>({
  name: "bun",
  passed(bytes) {
    passedBytes += bytes;
    if (passedBytes < COLLECT_AFTER_BYTES) return;
    passedBytes = 0;
    // At once, some 10 ms: in the background it changes nothing.
    Bun.gc(true);
  },
  address(request, [server]) {
    // Other servers may pass no argument.
    if (server === undefined) return null;
    if ("incoming" in server) return server.incoming.socket.remoteAddress ?? null;
    return server.requestIP(request)?.address ?? null;
  },
});

/** Without this setting of the kernel, a listener that closes loses the connections that wait in its queue. */
const MIGRATES = "/proc/sys/net/ipv4/tcp_migrate_req";

/**
 * Bun's processes have a listener each on one port (SO_REUSEPORT). It cannot share one: `listen({ fd })` of its HTTP servers
 * opens another port.
 */
export const workers: WorkerSupport = {
  fault: () => (process.platform === "linux" ? null : "Bun has them on Linux only; use Node or Deno"),
  // Makes it one of a cluster's workers, which set SO_REUSEPORT. The option `reusePort` of `listen` is ignored.
  env: { NODE_UNIQUE_ID: "1" },
  replaceFault() {
    try {
      if (readFileSync(MIGRATES, "utf8").trim() === "1") return null;
    } catch {
      // A kernel before 5.14.
    }
    return (
      "connections that wait in the queue of a worker that ends would be reset: " +
      "set net.ipv4.tcp_migrate_req to 1 with sysctl (Linux 5.14 or newer), or use Node or Deno"
    );
  },
};

/**
 * A request of Bun's `node:http` outlives every collection of the young, with all that it refers to, and Bun collects the rest late:
 * its limit is in proportion to the memory in use, in which it counts the tables of windows twice. A proxy grew to 900 MB.
 */
const onRequest = createCollector({ resident: () => process.memoryUsage.rss(), collect: () => Bun.gc(true) });

/** Serves with `node:http`, as on Node: `Bun.serve` changes paths and ends silent connections after 255 s. */
export const serve: Entry<BunArgs>["serve"] = async (served, listen, log, access, tracer) =>
  (await import("../../http/server.ts")).serveHttp(served, listen, log, access, tracer, onRequest);
