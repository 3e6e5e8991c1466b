/**
 * The tracer of an operator who has a collector: spans are recorded where the client's trace is, and in traces that begin here.
 * @module
 */
import type { Clock, Random } from "../platform.ts";
import type { FinishedSpan } from "./otlp.ts";
import { childOf, randomHex } from "./trace-context.ts";
import type { Tracer } from "./tracer.ts";

/** What {@link createRecorder} needs. */
export interface RecorderParts {
  readonly random: Random;
  readonly clock: Pick<Clock, "now" | "monotonic">;
  /** Takes a span when it ends. */
  add(span: FinishedSpan): void;
}

/** Creates a tracer that records. A request without a trace begins one; a call without one stays without. */
export function createRecorder({ random, clock, add }: RecorderParts): Tracer {
  const time = (): number => clock.monotonic?.() ?? clock.now();
  return {
    begin(kind, name, parent) {
      if (parent === null && kind === "client") return null;
      const context =
        parent === null
          ? { traceId: randomHex(16, random), spanId: randomHex(8, random), sampled: true }
          : childOf(parent, random);
      if (!context.sampled) return { context, end() {} };
      const beganMs = clock.now();
      const startMs = time();
      let isOver = false;
      return {
        context,
        end(status) {
          if (isOver) return;
          isOver = true;
          // Of a request without a status the client left, of a call without one there was no answer.
          const isError = status === null ? kind === "client" : status >= (kind === "client" ? 400 : 500);
          add({
            ...{ context, kind, name, isError, beganMs },
            parentSpanId: parent?.spanId ?? null,
            // Not by the clock: it may be set back in between.
            endedMs: beganMs + (time() - startMs),
            attributes: status === null ? {} : { "http.response.status_code": status },
          });
        },
      };
    },
  };
}
