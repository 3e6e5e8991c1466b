/**
 * GRASP as `millrace serve` runs it, on a port of its own, for the demonstration.
 * @module
 */
import { declareAll } from "../../../runtime/observe/metric-list.ts";
import { createMetrics } from "../../../runtime/observe/metrics.ts";
import { createPropagation } from "../../../runtime/observe/tracer.ts";
import type { Log } from "../../../runtime/platform.ts";
import type { SharedConfig } from "../../config/shared.ts";
import type { Entry, Served } from "../../hosts/server.ts";
import { readClient } from "../../http/client.ts";
import type { RunningService, ServiceModule } from "../../service.ts";
import type { GraspSection } from "../config.ts";

const HOST = "127.0.0.1";
/** Grace period of requests in flight at the end, in milliseconds. */
const GRACE_MS = 500;

/** The running server. */
export interface DemoServer {
  /** Its address, such as `http://127.0.0.1:40123`. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Starts the service on any free port. Its name contains the port, so that it can be made only after the port is known.
 * @param section without the fields that follow from the port
 */
export async function startServer(
  { create, metrics: described = [] }: ServiceModule<GraspSection>,
  { entry, config, log }: { entry: Entry; config: SharedConfig; log: Log },
  section: Omit<GraspSection, "domain" | "listen">,
): Promise<DemoServer> {
  let resolveService = (_service: RunningService) => {};
  const starting = new Promise<RunningService>((resolve) => {
    resolveService = resolve;
  });
  let service: RunningService | undefined;
  const late: Served = {
    handler: async (request: Request, ...args: unknown[]) => (await starting).handler(request, ...args),
    socket: {
      maxMessageBytes: 2 * 1024 ** 2,
      open: (peer) => (service?.socket === undefined ? peer.close(1013) : service.socket.open?.(peer)),
      message: (peer, message) => service?.socket?.message(peer, message),
      close: (peer, code) => service?.socket?.close?.(peer, code),
      pong: (peer) => service?.socket?.pong?.(peer),
    },
  };
  const server = await entry.serve([late], { host: HOST, port: 0 }, log);
  const listen = { host: HOST, port: Number(new URL(server.url).port) };
  const metrics = createMetrics();
  declareAll(metrics, described);
  const { client } = config;
  try {
    service = await create(
      {
        entry,
        config,
        listen,
        log,
        metrics,
        tracer: createPropagation(entry.host.random),
        workers: null,
        client: (request, args) =>
          readClient(request.headers, entry.host.address(request, [...args]), client),
        socketClient: ({ headers, address }) => readClient(headers, address, client),
      },
      { ...section, domain: `${HOST}:${listen.port}`, listen },
    );
  } catch (error) {
    await server.close(0);
    throw error;
  }
  resolveService(service);
  const running = service;
  return {
    url: server.url,
    async close() {
      running.stopping?.();
      const closed = server.close(GRACE_MS);
      running.endStreams?.();
      await closed;
      await running.close?.();
    },
  };
}
