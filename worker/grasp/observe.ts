/**
 * Metrics and log of the running service (O12, O13): what happens, WebSockets, requests for repositories, and what is sampled
 * when somebody asks.
 * @module
 */
import { stat } from "node:fs/promises";
import type { Socket } from "node:net";
import type { Grasp } from "../../runtime/grasp/grasp.ts";
import { type LogLine, logLine } from "../../runtime/grasp/log-lines.ts";
import { countHappening, type GitOperation, LARGEST } from "../../runtime/grasp/metrics.ts";
import { STORES } from "../../runtime/grasp/purgatory/entry.ts";
import type { MetricsRegistry } from "../../runtime/observe/metrics.ts";
import type { Client, Log } from "../../runtime/platform.ts";
import type { NodeExchange } from "../http/fetch-listener.ts";
import { metricsResponse } from "../http/metrics.ts";
import type { SocketHooks, SocketPeer } from "../http/socket.ts";
import type { Disk } from "./disk.ts";
import type { CacheCounts } from "./git/answer-cache.ts";
import type { PoolCounts } from "./git/pool.ts";

/** Connections from which an address counts as busy (table of limits). */
const BUSY_CONNECTIONS = 10;

/** Versions that metrics and pages show. */
export interface Build {
  readonly version: string;
  /** Empty: unknown. */
  readonly commit: string;
  readonly git: string;
  readonly runtime: string;
}

export interface ObserverParts {
  readonly metrics: MetricsRegistry;
  readonly log: Log;
  readonly nowMs: () => number;
  readonly build: Build;
  readonly databasePath: string;
  /** The client behind a connection (G31). */
  socketClient(peer: Pick<SocketPeer, "headers" | "address">): Client;
}

/** What gauges of a process show that answers requests. */
export interface SampledServing {
  readonly pool: { counts(): PoolCounts } | null;
  readonly cache: { counts(): CacheCounts };
  readonly relay: { readonly subscriptions: number };
}

/** What gauges show. */
export interface Sampled extends SampledServing {
  readonly grasp: Grasp;
  readonly disk: Disk;
}

export class Observer {
  readonly #parts: ObserverParts;
  readonly #connections = new Map<SocketPeer, { readonly peer: SocketPeer; readonly openedMs: number }>();

  #pushes = 0;
  /** What was read of the cache last. */
  #cached: Pick<CacheCounts, "hits" | "shared" | "misses"> = { hits: 0, shared: 0, misses: 0 };
  /** Bytes of connections that are counted already. */
  readonly #bytes = new WeakMap<Socket, { readonly read: number; readonly written: number }>();

  constructor(parts: ObserverParts) {
    this.#parts = parts;
    const { metrics, build } = parts;
    metrics.gauge("grasp_build_info", 1, { ...build });
  }

  /** Listens to what happens. */
  watch(grasp: Grasp): void {
    const { metrics, log } = this.#parts;
    grasp.onHappening((happening) => {
      countHappening(metrics, happening);
      const line = logLine(happening);
      if (line !== null) write(log, line);
    });
  }

  /** A signature check whose duration is measured. */
  timed<Event>(verify: (event: Event) => boolean): (event: Event) => boolean {
    return (event) => {
      const began = performance.now();
      try {
        return verify(event);
      } finally {
        this.#parts.metrics.observe("grasp_verification_seconds", (performance.now() - began) / 1000);
      }
    };
  }

  /** Hooks that count. They give the client's address in place of the connection's (G31). */
  sockets(hooks: SocketHooks): SocketHooks {
    const { metrics, nowMs } = this.#parts;
    const of = (peer: SocketPeer) => this.#connections.get(peer)?.peer ?? peer;
    return {
      ...hooks,
      open: (peer) => {
        const counted = this.#counted(peer);
        this.#connections.set(peer, { peer: counted, openedMs: nowMs() });
        metrics.count("grasp_connections_total");
        hooks.open?.(counted);
      },
      message(peer, message) {
        metrics.count("grasp_messages_total", IN);
        hooks.message(of(peer), message);
      },
      pong: (peer) => hooks.pong?.(of(peer)),
      close: (peer, code) => {
        const counted = of(peer);
        const opened = this.#connections.get(peer);
        if (opened !== undefined) {
          metrics.observe("grasp_connection_seconds", Math.max(0, nowMs() - opened.openedMs) / 1000);
        }
        this.#connections.delete(peer);
        hooks.close?.(counted, code);
      },
    };
  }

  /** The same connection with the client's address; what it sends is counted. */
  #counted(peer: SocketPeer): SocketPeer {
    const { metrics, socketClient } = this.#parts;
    const address = socketClient(peer).ip;
    return {
      address,
      headers: peer.headers,
      path: peer.path,
      get bufferedBytes() {
        return peer.bufferedBytes;
      },
      send(message) {
        metrics.count("grasp_messages_total", OUT);
        peer.send(message);
      },
      sendAll(texts) {
        metrics.count("grasp_messages_total", OUT, texts.length);
        peer.sendAll(texts);
      },
      ping: () => peer.ping(),
      close: (code, reason) => peer.close(code, reason),
    };
  }

  /** Pushes under way. */
  get pushes(): number {
    return this.#pushes;
  }

  /** Measures a request for a repository until the end of its answer. */
  request(request: Request, { incoming, outgoing }: NodeExchange): void {
    const { metrics } = this.#parts;
    const { socket } = incoming;
    const operation = operationOf(request);
    const began = performance.now();
    if (operation === "push") this.#pushes++;
    outgoing.once("close", () => {
      if (operation === "push") this.#pushes--;
      const { read, written } = this.#newBytes(socket);
      if (operation === null) return;
      const status = outgoing.writableFinished ? `${Math.floor(outgoing.statusCode / 100)}xx` : "aborted";
      metrics.count("grasp_git_requests_total", { operation, status });
      metrics.observe("grasp_git_seconds", (performance.now() - began) / 1000, { operation });
      metrics.count("grasp_git_bytes_total", IN, read);
      metrics.count("grasp_git_bytes_total", OUT, written);
    });
  }

  /** Bytes of a connection since the last look, heads and all: a request's beginning is often read before anybody can look. */
  #newBytes(socket: Socket): { readonly read: number; readonly written: number } {
    const last = this.#bytes.get(socket) ?? { read: 0, written: 0 };
    const now = { read: socket.bytesRead || last.read, written: socket.bytesWritten || last.written };
    this.#bytes.set(socket, now);
    return { read: Math.max(0, now.read - last.read), written: Math.max(0, now.written - last.written) };
  }

  /** Sets the gauges, which nothing counts. */
  async sample({ grasp, disk, ...serving }: Sampled): Promise<void> {
    const { metrics, nowMs, databasePath } = this.#parts;
    this.sampleServing(serving);
    for (const store of STORES) {
      metrics.gauge("grasp_purgatory_entries", grasp.purgatory.size(store), { store });
      const oldest = grasp.purgatory.oldestArrival(store);
      const ageMs = oldest === null ? 0 : Math.max(0, nowMs() - oldest);
      metrics.gauge("grasp_purgatory_oldest_seconds", ageMs / 1000, { store });
    }
    metrics.gauge("grasp_purgatory_bytes", grasp.purgatory.bytes);
    const { count, bytes, largest } = disk.totals(LARGEST);
    metrics.gauge("grasp_repositories", count);
    metrics.gauge("grasp_repositories_bytes", bytes);
    for (let i = 0; i < LARGEST; i++) {
      metrics.gauge("grasp_largest_repository_bytes", largest[i] ?? 0, { rank: String(i + 1) });
    }
    metrics.gauge("grasp_disk_free_bytes", await disk.free().catch(() => 0));
    metrics.gauge("grasp_database_bytes", await sizeOf(databasePath), { file: "main" });
    metrics.gauge("grasp_database_bytes", await sizeOf(`${databasePath}-wal`), { file: "wal" });
  }

  /** Sets the gauges of a process that answers requests. */
  sampleServing({ pool, cache, relay }: SampledServing): void {
    const { metrics } = this.#parts;
    this.#sampleConnections();
    metrics.gauge("grasp_subscriptions", relay.subscriptions);
    this.#sampleCache(cache.counts());
    if (pool === null) return;
    const { used, waiting } = pool.counts();
    for (const [share, count] of Object.entries(used)) metrics.gauge("grasp_git_processes", count, { share });
    for (const [share, count] of Object.entries(waiting))
      metrics.gauge("grasp_git_processes_waiting", count, { share });
  }

  /** `/metrics`, as it was sampled. */
  answer(): Response {
    return metricsResponse(this.#parts.metrics);
  }

  /** The cache counts by itself: what came since the last look is added. */
  #sampleCache(counts: CacheCounts): void {
    const { metrics } = this.#parts;
    const { hits, shared, misses, memoryBytes, diskBytes } = counts;
    const last = this.#cached;
    metrics.count("grasp_git_cache_total", { result: "hit" }, hits - last.hits);
    metrics.count("grasp_git_cache_total", { result: "shared" }, shared - last.shared);
    metrics.count("grasp_git_cache_total", { result: "miss" }, misses - last.misses);
    this.#cached = counts;
    metrics.gauge("grasp_git_cache_bytes", memoryBytes, { place: "memory" });
    metrics.gauge("grasp_git_cache_bytes", diskBytes, { place: "disk" });
  }

  #sampleConnections(): void {
    const { metrics } = this.#parts;
    const byAddress = new Map<string, number>();
    for (const { peer } of this.#connections.values()) {
      const address = peer.address ?? "";
      byAddress.set(address, (byAddress.get(address) ?? 0) + 1);
    }
    metrics.gauge("grasp_connections", this.#connections.size);
    metrics.gauge("grasp_addresses", byAddress.size);
    const busy = [...byAddress.values()].filter((count) => count >= BUSY_CONNECTIONS).length;
    metrics.gauge("grasp_busy_addresses", busy);
  }
}

const IN = { direction: "in" };
const OUT = { direction: "out" };

function write(log: Log, { level, message, fields }: LogLine): void {
  log[level](message, fields);
}

/** What a request for a repository wants; `null`: it is for none. */
function operationOf(request: Request): GitOperation | null {
  const { pathname, searchParams } = new URL(request.url);
  const [, rest] = /\.git\/(.+)$/.exec(pathname) ?? [];
  switch (rest) {
    case undefined:
      return null;
    case "git-upload-pack":
      return "fetch";
    case "git-receive-pack":
      return "push";
    case "info/refs":
      return searchParams.get("service") === "git-receive-pack" ? "advertise_push" : "advertise_fetch";
    default:
      return "other";
  }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
