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
 * Logs a request when its answer ends. A request without a usable `X-Request-Id` gets one, which is passed on like a client's, and a
 * malformed `traceparent` is not passed on.
 * Must be called before the request's fields are read.
 */
export function logAccess({ log }: AccessLog, request: IncomingMessage, response: ServerResponse): void {
  const beganMs = performance.now();
  const requestId = requestIdOf(request);
  const traceId = traceOf(request);
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

/** The request's id. One that is absent, unusable or there twice is replaced, for all who read the fields later. */
function requestIdOf(request: IncomingMessage): string {
  const given = valuesOf(request, "x-request-id");
  if (given.length === 1 && REQUEST_ID.test(given[0]!)) return given[0]!;
  const made = randomUUID();
  remove(request, "x-request-id");
  request.rawHeaders.push("X-Request-Id", made);
  request.headers["x-request-id"] = made;
  return made;
}

/** The trace's id; `null`: there is none. A malformed `traceparent` ends here, with its `tracestate` (Trace Context, section 3.2). */
function traceOf(request: IncomingMessage): string | null {
  const given = valuesOf(request, "traceparent");
  if (given.length === 0) return null;
  const traceId = given.length === 1 ? traceIdOf(given[0]) : null;
  if (traceId === null) for (const name of ["traceparent", "tracestate"]) remove(request, name);
  return traceId;
}

/** The values of a field, line by line. */
function valuesOf({ rawHeaders }: IncomingMessage, name: string): string[] {
  return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === name);
}

/** Removes a field from both forms: the proxy reads the lines, other handlers the parsed fields. */
function remove({ rawHeaders, headers }: IncomingMessage, name: string): void {
  for (let i = rawHeaders.length - 2; i >= 0; i -= 2) {
    if (rawHeaders[i]!.toLowerCase() === name) rawHeaders.splice(i, 2);
  }
  delete headers[name];
}
