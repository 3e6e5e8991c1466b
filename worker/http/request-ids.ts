/**
 * The ids of a request that comes in over `node:http`.
 * @module
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import {
  isRequestId,
  readTraceparent,
  type TraceContext,
  writeTraceparent,
} from "../../runtime/observe/trace-context.ts";

/** The ids of a request that a server took. */
export interface ServedIds {
  readonly requestId: string;
  /** `null`: the client began no trace. */
  readonly trace: TraceContext | null;
}

/**
 * Takes the ids of a request. A request without a usable `X-Request-Id` gets one, and a malformed `traceparent` is removed with
 * its `tracestate` (W3C Trace Context, section 3.2). This changes the lines, which the proxy reads; see {@link showIds}.
 */
export function takeIds({ rawHeaders }: Pick<IncomingMessage, "rawHeaders">): ServedIds {
  const given = valuesOf(rawHeaders, "x-request-id");
  const traceparents = valuesOf(rawHeaders, "traceparent");
  let [requestId] = given;
  if (requestId === undefined || given.length > 1 || !isRequestId(requestId)) {
    requestId = randomUUID();
    if (given.length > 0) remove(rawHeaders, "x-request-id");
    rawHeaders.push("X-Request-Id", requestId);
  }
  const trace = traceparents.length === 1 ? readTraceparent(traceparents[0]) : null;
  if (trace === null) for (const name of ["traceparent", "tracestate"]) remove(rawHeaders, name);
  return { requestId, trace };
}

/** Makes the parsed fields, which handlers read, agree with the lines. Not for the proxy: it does without parsing them. */
export function showIds(
  { headers }: Pick<IncomingMessage, "headers">,
  { requestId, trace }: ServedIds,
): void {
  headers["x-request-id"] = requestId;
  if (trace !== null) {
    headers.traceparent = writeTraceparent(trace);
    return;
  }
  delete headers.traceparent;
  delete headers.tracestate;
}

/** The values of a field, line by line. */
function valuesOf(list: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < list.length; i += 2) if (isNamed(list[i]!, name)) values.push(list[i + 1]!);
  return values;
}

function remove(list: string[], name: string): void {
  for (let i = list.length - 2; i >= 0; i -= 2) if (isNamed(list[i]!, name)) list.splice(i, 2);
}

/** The length first: most fields differ in it. */
function isNamed(field: string, name: string): boolean {
  return field.length === name.length && field.toLowerCase() === name;
}
