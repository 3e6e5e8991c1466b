/**
 * The server's own span of a request: it takes the place of the client's in `traceparent`, so that all that the request causes
 * is below it.
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { writeTraceparent } from "../../runtime/observe/trace-context.ts";
import type { Span, Tracer } from "../../runtime/observe/tracer.ts";
import type { ServedIds } from "./request-ids.ts";
import { onStatus } from "./socket-status.ts";

/** Methods that spans name; others are any word of a client. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]);

/** Begins the span of a request. It ends with the answer. @returns the ids that the request has now */
export function traceAnswer(
  tracer: Tracer,
  request: IncomingMessage,
  response: ServerResponse,
  ids: ServedIds,
): ServedIds {
  const span = begin(tracer, request, ids);
  if (span === null) return ids;
  // What a client that left would have got is no answer.
  response.once("close", () => span.end(response.writableFinished ? response.statusCode : null));
  return { ...ids, trace: span.context };
}

/** The same for an upgrade. The span ends with the handshake: a WebSocket may be open for days. */
export function traceUpgrade(
  tracer: Tracer,
  request: IncomingMessage,
  socket: Duplex,
  ids: ServedIds,
): ServedIds {
  const span = begin(tracer, request, ids);
  if (span === null) return ids;
  onStatus(socket, (status) => span.end(status));
  socket.once("close", () => span.end(null));
  return { ...ids, trace: span.context };
}

function begin(
  tracer: Tracer,
  { method = "", rawHeaders, headers }: IncomingMessage,
  { trace }: ServedIds,
): Span | null {
  const span = tracer.begin("server", METHODS.has(method) ? method : "HTTP", trace);
  if (span === null) return null;
  // Another trace than the one that it tells of.
  if (trace === null) delete headers.tracestate;
  const value = writeTraceparent(span.context);
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() !== "traceparent") continue;
    rawHeaders[i + 1] = value;
    return span;
  }
  rawHeaders.push("traceparent", value);
  return span;
}
