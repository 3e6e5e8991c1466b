/**
 * The ids that requests carry from one server to the next: `X-Request-Id`, and `traceparent` of W3C Trace Context, level 1.
 * @module
 */
import { toHex } from "../lib/hex.ts";
import type { LogFields, Random } from "../platform.ts";

/** The place of a request or call in a trace. */
export interface TraceContext {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits; `parent-id` in the header. */
  readonly spanId: string;
  /** Whether the caller records the trace. */
  readonly sampled: boolean;
}

/** The ids of a request; each is `null` if the request has no usable one. */
export interface RequestIds {
  readonly requestId: string | null;
  readonly trace: TraceContext | null;
}

/** The ids of work that no request caused. */
export const NO_IDS: RequestIds = { requestId: null, trace: null };

/** Ids of requests that are taken over: they fit into a line of any log. */
const REQUEST_ID = /^[\w.-]{1,64}$/;
/** Trace Context, version 00. Later versions begin in the same way and have more behind. */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?=-|$)/;

/** Whether a text is usable as a request's id: 1 to 64 letters, digits, `_`, `.` and `-`. */
export function isRequestId(text: string): boolean {
  return REQUEST_ID.test(text);
}

/** Reads a `traceparent` header; `null`: it is absent or malformed (Trace Context, section 3.2). */
export function readTraceparent(header: string | null | undefined): TraceContext | null {
  const [whole, version, traceId, spanId, flags] = TRACEPARENT.exec(header ?? "") ?? [];
  if (whole === undefined || (version === "00" && whole !== header)) return null;
  return { traceId: traceId!, spanId: spanId!, sampled: (Number.parseInt(flags!, 16) & 1) === 1 };
}

/** Writes a `traceparent` header of version 00. Of the flags it has the one that level 1 knows. */
export function writeTraceparent({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}

/** The ids in a request's headers. */
export function requestIdsOf(headers: { get(name: string): string | null }): RequestIds {
  const requestId = headers.get("x-request-id");
  return {
    requestId: requestId !== null && isRequestId(requestId) ? requestId : null,
    trace: readTraceparent(headers.get("traceparent")),
  };
}

/** The fields of a log line that name its request. An absent id is `undefined`, and hides the id of another request. */
export function idFields({ requestId, trace }: RequestIds): LogFields {
  return { requestId: requestId ?? undefined, traceId: trace?.traceId };
}

/** The context of a call that a request causes: same trace, an id of its own (Trace Context, section 3.4). */
export function childOf({ traceId, sampled }: TraceContext, random: Random): TraceContext {
  return { traceId, spanId: randomHex(8, random), sampled };
}

/** Random hex digits that are not all zero. @param bytes half the number of digits */
export function randomHex(bytes: number, random: Random): string {
  const filled = new Uint8Array(bytes);
  random.fill(filled);
  if (filled.every((byte) => byte === 0)) filled[bytes - 1] = 1;
  return toHex(filled);
}
