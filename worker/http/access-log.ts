/**
 * The access log: one line a request, without addresses and queries. Each request has an id, which its origin gets, too.
 * @module
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Log } from "../../runtime/platform.ts";

/** Writes the access log while the operator wants it. */
export interface AccessLog {
  isOn(): boolean;
  readonly log: Pick<Log, "info">;
}

/** Ids of requests that are taken over: they fit into a line of any log. */
const REQUEST_ID = /^[\w.-]{1,64}$/;
/** W3C Trace Context, version 00. Later versions begin in the same way and have more behind. */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?=-|$)/;

/** The trace id of a `traceparent` header; `null`: it is absent or malformed (Trace Context, section 3.2). */
export function traceIdOf(traceparent: string | undefined): string | null {
  const [whole, version, traceId] = TRACEPARENT.exec(traceparent ?? "") ?? [];
  if (whole === undefined || (version === "00" && whole !== traceparent)) return null;
  return traceId!;
}

/**
 * Logs a request when its answer ends. A request without a usable `X-Request-Id` gets one, which is passed on like a client's.
 * Must be called before the request's fields are read.
 */
export function logAccess({ log }: AccessLog, request: IncomingMessage, response: ServerResponse): void {
  const beganMs = performance.now();
  const requestId = requestIdOf(request);
  const traceId = traceIdOf(singleOf(request.headers.traceparent));
  const { method, url = "/" } = request;
  response.once("close", () => {
    log.info("request", {
      method,
      // A query may hold ids and secrets.
      path: url.split("?", 1)[0],
      // What a client that left would have got is no answer.
      status: response.writableFinished ? response.statusCode : null,
      ms: Math.round(performance.now() - beganMs),
      requestId,
      ...(traceId === null ? {} : { traceId }),
    });
  });
}

function requestIdOf(request: IncomingMessage): string {
  const given = singleOf(request.headers["x-request-id"]);
  if (given !== undefined && REQUEST_ID.test(given)) return given;
  const made = randomUUID();
  const { rawHeaders } = request;
  for (let i = rawHeaders.length - 2; i >= 0; i -= 2) {
    if (rawHeaders[i]!.toLowerCase() === "x-request-id") rawHeaders.splice(i, 2);
  }
  rawHeaders.push("X-Request-Id", made);
  return made;
}

function singleOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? undefined : value;
}
