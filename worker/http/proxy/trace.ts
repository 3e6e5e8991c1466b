/**
 * The place of a request to the origin in the client's trace.
 * @module
 */
import { readTraceparent, writeTraceparent } from "../../../runtime/observe/trace-context.ts";
import type { Span, Tracer } from "../../../runtime/observe/tracer.ts";
import { lowerCase } from "./fields.ts";

/**
 * Begins the span of a request to the origin, and writes its id into the request's `traceparent`. A malformed one is removed
 * with its `tracestate` (W3C Trace Context, section 3.2).
 * @param fields a flat list of names and values, which is changed.
 * @returns `null`: the request belongs to no trace.
 */
export function enterTrace(fields: string[], tracer: Tracer): Span | null {
  let at = -1;
  let lines = 0;
  for (let i = 0; i < fields.length; i += 2) {
    if (lowerCase(fields[i]!) !== "traceparent") continue;
    at = i + 1;
    lines++;
  }
  if (lines === 0) return null;
  const parent = lines === 1 ? readTraceparent(fields[at]) : null;
  if (parent === null) {
    for (let i = fields.length - 2; i >= 0; i -= 2) {
      if (/^trace(?:parent|state)$/.test(lowerCase(fields[i]!))) fields.splice(i, 2);
    }
    return null;
  }
  const span = tracer.begin("client", "origin", parent);
  if (span !== null) fields[at] = writeTraceparent(span.context);
  return span;
}
