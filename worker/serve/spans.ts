/**
 * The spans of this process, on their way to a collector. Loaded where one is configured.
 * @module
 */
import { createLogOnce } from "../../runtime/observe/log.ts";
import { createRecorder } from "../../runtime/observe/recorder.ts";
import { SpanExporter } from "../../runtime/observe/span-exporter.ts";
import type { Tracer } from "../../runtime/observe/tracer.ts";
import type { Log } from "../../runtime/platform.ts";
import type { OtlpSettings } from "../config/otlp-settings.ts";
import type { Host } from "../hosts/host.ts";
import { inRequest } from "../http/request-scope.ts";
import { VERSION } from "../version.ts";

/** Period in which a repeated fault of the collector is counted instead of logged, in milliseconds. */
const LOG_WINDOW_MS = 60_000;

/** The spans of a process. */
export interface Spans {
  readonly tracer: Tracer;
  /** Their numbers so far. */
  readonly counts: { readonly sent: number; readonly dropped: number };
  /** Sends what waits. Never rejects. */
  flush(): Promise<void>;
}

/** Opens the way to a collector. Sends nothing before the first span. */
export function openSpans(
  { url, headers, serviceName }: OtlpSettings,
  { clock, fetch, random, name }: Host,
  log: Log,
): Spans {
  const once = createLogOnce(log, clock, LOG_WINDOW_MS);
  const exporter = new SpanExporter({
    url,
    headers,
    resource: { "service.name": serviceName, "service.version": VERSION, "process.runtime.name": name },
    clock,
    fetch,
    // A batch belongs to no request, though one may have filled it.
    onFault: (error) =>
      inRequest(undefined, () => once.warn("spans", "the collector takes no spans", { error })),
  });
  return {
    tracer: createRecorder({ random, clock, add: (span) => exporter.add(span) }),
    counts: exporter,
    async flush() {
      await exporter.flush();
      once.flush();
    },
  };
}
