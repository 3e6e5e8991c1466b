import { Hono } from "hono";
import { describeMetrics } from "../../../runtime/ec/metrics.ts";
import { METRICS_CONTENT_TYPE } from "../../../runtime/observe/metrics.ts";
import { requireOperator } from "../../http/operator.ts";
import type { RouteBindings, Services } from "../services.ts";

/** `GET /_ts/health`, `GET /_ts/ready` and `GET /_ts/metrics`. */
export function healthRoutes(services: Services): Hono<RouteBindings> {
  const { readiness, metrics } = services;
  // Here, so that a host without this route has no help texts.
  describeMetrics(metrics);

  /** Tables without room, if there are any: the service works, and refuses some takes. */
  function full(): { full?: string[] } {
    const families = services.fullTables();
    return families.length === 0 ? {} : { full: families };
  }

  return new Hono<RouteBindings>()
    .get("/_ts/health", (c) => c.json({ status: "ok", ...full() }))
    .get("/_ts/ready", async (c) => {
      const state = await readiness.check();
      return c.json({ ...state, ...full() }, state.status === "ok" ? 200 : 503);
    })
    .get("/_ts/metrics", requireOperator(services.operator, "loopback"), async (c) => {
      const text = (await services.workers?.metricsText()) ?? metrics.text();
      return c.text(text, 200, { "content-type": METRICS_CONTENT_TYPE });
    });
}
