/**
 * The access log: one line a request, without addresses and queries.
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Log } from "../../runtime/platform.ts";
import type { ServedIds } from "./request-ids.ts";
import { statusOn } from "./socket-status.ts";

/** Writes the access log while the operator wants it. */
export interface AccessLog {
  isOn(): boolean;
  readonly log: Pick<Log, "info">;
}

/** Logs a request when its answer ends. */
export function logAccess(
  access: AccessLog,
  request: IncomingMessage,
  response: ServerResponse,
  ids: ServedIds,
): void {
  const write = beginLine(access, request, ids);
  // What a client that left would have got is no answer.
  response.once("close", () => write(response.writableFinished ? response.statusCode : null));
}

/** Logs a request for a WebSocket when its connection ends. The status of an open WebSocket is 101. */
export function logUpgrade(
  access: AccessLog,
  request: IncomingMessage,
  socket: Duplex,
  ids: ServedIds,
): void {
  const write = beginLine(access, request, ids);
  socket.once("close", () => write(statusOn(socket)));
}

/** @returns a function that writes the line. It is given the answer's status; `null`: there was no answer. */
function beginLine(
  { log }: AccessLog,
  { method, url = "/" }: IncomingMessage,
  ids: ServedIds,
): (status: number | null) => void {
  const beganMs = performance.now();
  return (status) => {
    // A query may hold ids and secrets.
    const path = url.split("?", 1)[0];
    const ms = Math.round(performance.now() - beganMs);
    const { requestId, trace } = ids;
    log.info("request", {
      ...{ method, path, status, ms, requestId },
      ...(trace === null ? {} : { traceId: trace.traceId }),
    });
  };
}
