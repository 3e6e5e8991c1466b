import { Hono } from "hono";
import { METRICS_CONTENT_TYPE } from "../../runtime/observe/metrics.ts";
import type { RouteBindings } from "../app.ts";
import { requireOperator } from "../operator.ts";
import type { Services } from "../service.ts";

/** `GET /_ts/health`, `GET /_ts/ready` and `GET /_ts/metrics`. */
export function healthRoutes(services: Services): Hono<RouteBindings> {
  const { readiness, hotPath, metrics } = services;

  /** Tables without room, if there are any: the service works, and refuses some of what it would take. */
  function full(): { full?: string[] } {
    const families = readiness.fullTables();
    return families.length === 0 ? {} : { full: families };
  }

  return new Hono<RouteBindings>()
    .get("/_ts/health", (c) => c.json({ status: "ok", ...full() }))
    .get("/_ts/ready", async (c) => {
      const state = await readiness.check();
      return c.json({ ...state, ...full() }, state.status === "ok" ? 200 : 503);
    })
    .get("/_ts/metrics", requireOperator(services, "loopback"), (c) => {
      const { keys, refusedFull } = hotPath.stats();
      metrics.gauge("window_keys", keys);
      metrics.gauge("window_takes_refused_full", refusedFull);
      return c.text(metrics.text(), 200, { "content-type": METRICS_CONTENT_TYPE });
    });
}
