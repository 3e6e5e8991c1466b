import { Hono } from "hono";
import { METRICS_CONTENT_TYPE } from "../../runtime/observe/metrics.ts";
import { settlesWithin } from "../../runtime/within.ts";
import type { RouteBindings } from "../app.ts";
import { requireOperator } from "../operator.ts";
import type { Services } from "../service.ts";

/** How long the store may take to answer before it counts as down, in milliseconds. */
const STORE_TIMEOUT_MS = 2000;

/** `GET /_ts/health` and `GET /_ts/metrics`. */
export function healthRoutes(services: Services): Hono<RouteBindings> {
  const { store, clock, metrics } = services;

  /** Names what is down. */
  async function faults(): Promise<string[]> {
    try {
      const inTime = await settlesWithin(store.get("health"), STORE_TIMEOUT_MS, clock);
      return inTime ? [] : ["store"];
    } catch {
      return ["store"];
    }
  }

  return new Hono<RouteBindings>()
    .get("/_ts/health", async (c) => {
      const down = await faults();
      return down.length === 0 ? c.json({ status: "ok" }) : c.json({ status: "down", down }, 503);
    })
    .get("/_ts/metrics", requireOperator(services, "loopback"), (c) =>
      c.text(metrics.text(), 200, { "content-type": METRICS_CONTENT_TYPE }),
    );
}
