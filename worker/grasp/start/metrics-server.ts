import type { Log } from "../../../runtime/platform.ts";
import { type Entry, type Listen, type Server, urlOf } from "../../hosts/server.ts";
import { StartError } from "../../serve/start-error.ts";

/**
 * Serves `/metrics` on an address of its own.
 * @throws {StartError} if the address cannot be had.
 */
export async function serveMetrics(
  entry: Entry,
  listen: Listen,
  metrics: () => Promise<Response>,
  log: Log,
): Promise<Server> {
  const handler = async (request: Request) =>
    new URL(request.url).pathname === "/metrics"
      ? metrics()
      : new Response("only /metrics is here\n", { status: 404 });
  try {
    return await entry.serve([{ handler }], listen, log);
  } catch (cause) {
    throw new StartError(`cannot serve metrics on ${urlOf(listen)}: ${(cause as Error).message}`, { cause });
  }
}
