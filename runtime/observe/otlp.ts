/**
 * Spans, and their JSON for OTLP over HTTP (OpenTelemetry protocol 1.x, section "OTLP/HTTP").
 * @module
 */

import type { TraceContext } from "./trace-context.ts";
import type { SpanKind } from "./tracer.ts";

/** The kinds of OTLP that occur here. */
const SPAN_KINDS = { server: 2, client: 3 } as const;
/** `STATUS_CODE_ERROR`. */
const ERROR = 2;

/** One piece of work with a beginning and an end. It holds no ids of visitors, no addresses, no paths and no secrets. */
export interface FinishedSpan {
  readonly context: Pick<TraceContext, "traceId" | "spanId">;
  /** `null`: the trace begins here. */
  readonly parentSpanId: string | null;
  /** Of a closed set. */
  readonly name: string;
  readonly kind: SpanKind;
  /** Since the epoch, in milliseconds, with fractions. */
  readonly beganMs: number;
  readonly endedMs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly isError: boolean;
}

/** Longer texts are cut, so that a batch has a largest size. */
const MAX_TEXT_LENGTH = 64;

/**
 * The body of a request to a collector.
 * @param resource attributes of this process.
 */
export function otlpJson(spans: readonly FinishedSpan[], resource: Readonly<Record<string, string>>): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: keyValues(resource) },
        scopeSpans: [{ scope: { name: "millrace" }, spans: spans.map(spanOf) }],
      },
    ],
  });
}

function spanOf(span: FinishedSpan): object {
  const { context, parentSpanId, name, kind, beganMs, endedMs, attributes, isError } = span;
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    ...(parentSpanId === null ? {} : { parentSpanId }),
    name: name.slice(0, MAX_TEXT_LENGTH),
    kind: SPAN_KINDS[kind],
    startTimeUnixNano: nanosOf(beganMs),
    endTimeUnixNano: nanosOf(endedMs),
    attributes: keyValues(attributes),
    ...(isError ? { status: { code: ERROR } } : {}),
  };
}

/** In JSON, 64-bit numbers are texts. Whole microseconds: nanoseconds since the epoch are too many for a number. */
function nanosOf(ms: number): string {
  return `${Math.round(ms * 1000)}000`;
}

function keyValues(attributes: Readonly<Record<string, string | number>>): object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value:
      typeof value === "number"
        ? { intValue: String(value) }
        : { stringValue: value.slice(0, MAX_TEXT_LENGTH) },
  }));
}
