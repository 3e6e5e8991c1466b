import { METRICS_CONTENT_TYPE, metricsText } from "../../../runtime/observe/metrics.ts";
import { metricsResponse } from "../../http/metrics.ts";
import type { Shared } from "../../service.ts";
import type { OperatorAnswer } from "../admin/operator-answer.ts";

/**
 * Answers `/metrics` of a read replica; of all replicas behind one port, if there are several. The operator's page is the writer's.
 * @param basePath it begins and ends with `/`.
 * @param sample sets the gauges, which nothing counts.
 */
export function metricsAnswer(
  basePath: string,
  sample: () => void,
  { metrics, workers }: Pick<Shared, "metrics" | "workers">,
): OperatorAnswer {
  return async ({ method, url }) => {
    const isRead = method === "GET" || method === "HEAD";
    if (!isRead || new URL(url).pathname !== `${basePath}metrics`) return null;
    sample();
    if (workers === null) return metricsResponse(metrics);
    return new Response(metricsText(await workers.metrics()), {
      headers: { "content-type": METRICS_CONTENT_TYPE },
    });
  };
}
