import { METRICS_CONTENT_TYPE, type MetricsRegistry } from "../../runtime/observe/metrics.ts";

/** Answers with all metrics of a registry, as Prometheus text. */
export function metricsResponse(metrics: MetricsRegistry): Response {
  return new Response(metrics.text(), { headers: { "content-type": METRICS_CONTENT_TYPE } });
}
