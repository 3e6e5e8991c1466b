/**
 * Spans: the parts of a trace that this process adds. Without a tracer of the operator the ids are passed on and nothing is
 * recorded.
 * @module
 */
import type { Random } from "../platform.ts";
import { childOf, type TraceContext } from "./trace-context.ts";

/** What a span measures: a request that is answered here, or a call to another server. */
export type SpanKind = "server" | "client";

/** A part of a trace that is under way. */
export interface Span {
  /** What goes out in `traceparent`. */
  readonly context: TraceContext;
  /**
   * Ends the span. Further calls do nothing.
   * @param status of the response; `null`: there was none.
   */
  end(status: number | null): void;
}

/** Begins spans. */
export interface Tracer {
  /**
   * Begins a span.
   * @param name of a closed set: never a path, an address or an id.
   * @param parent the request's place in its trace; `null`: it has none.
   * @returns `null`: there is no trace.
   */
  begin(kind: SpanKind, name: string, parent: TraceContext | null): Span | null;
}

/** A tracer that records nothing: calls to other servers get span ids of their own in the client's trace. */
export function createPropagation(random: Random): Tracer {
  return {
    begin: (_kind, _name, parent) =>
      parent === null ? null : { context: childOf(parent, random), end() {} },
  };
}
