/**
 * The access log: one line a request, without addresses and queries.
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Log } from "../../runtime/platform.ts";
import type { ServedIds } from "./request-ids.ts";

/** Writes the access log while the operator wants it. */
export interface AccessLog {
  isOn(): boolean;
  readonly log: Pick<Log, "info">;
}

/** Logs a request when its answer ends. */
export function logAccess(
  { log }: AccessLog,
  { method, url = "/" }: IncomingMessage,
  response: ServerResponse,
  { requestId, trace }: ServedIds,
): void {
  const beganMs = performance.now();
  response.once("close", () => {
    log.info("request", {
      method,
      // A query may hold ids and secrets.
      path: url.split("?", 1)[0],
      // What a client that left would have got is no answer.
      status: response.writableFinished ? response.statusCode : null,
      ms: Math.round(performance.now() - beganMs),
      requestId,
      ...(trace === null ? {} : { traceId: trace.traceId }),
    });
  });
}
