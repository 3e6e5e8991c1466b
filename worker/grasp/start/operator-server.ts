import type { Log } from "../../../runtime/platform.ts";
import { type Entry, type Listen, type Server, urlOf } from "../../hosts/server.ts";
import { StartError } from "../../serve/start-error.ts";
import type { OperatorAnswer } from "../admin/operator-answer.ts";
import type { Site } from "../site.ts";

/**
 * Serves the operator's paths on an address of their own, with `/health` and `/ready`.
 * @throws {StartError} if the address cannot be had.
 */
export async function serveOperator(
  entry: Entry,
  listen: Listen,
  { answer, site, log }: { answer: OperatorAnswer; site: Pick<Site, "state">; log: Log },
): Promise<Server> {
  const handler = async (request: Request, ...args: readonly unknown[]) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/health" || pathname === "/ready") return site.state(pathname);
    const text = "only /metrics, /admin/, /health and /ready are here\n";
    return (
      (await answer(request, entry.host.address(request, [...args]))) ?? new Response(text, { status: 404 })
    );
  };
  try {
    return await entry.serve([{ handler }], listen, log);
  } catch (cause) {
    throw new StartError(`cannot serve metrics on ${urlOf(listen)}: ${(cause as Error).message}`, { cause });
  }
}
