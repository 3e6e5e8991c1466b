import { Hono } from "hono";
import { METRICS_CONTENT_TYPE } from "../../runtime/observe/metrics.ts";
import { settlesWithin } from "../../runtime/within.ts";
import type { RouteBindings } from "../app.ts";
import { requireOperator } from "../operator.ts";
import type { Services } from "../service.ts";

/** How long an answer may take before what gives it counts as down, in milliseconds. */
const PATIENCE_MS = 2000;
/** Asks the limiter without taking anything. */
const NOTHING = { limit: 0, windowMs: 1 };

/** `GET /_ts/health` and `GET /_ts/metrics`. */
export function healthRoutes(services: Services): Hono<RouteBindings> {
  const { store, limiter, clock, metrics } = services;

  const parts = {
    store: async () => store.get("health"),
    limiter: async () => limiter.take("health", NOTHING),
  };

  async function answers(ask: () => Promise<unknown>): Promise<boolean> {
    try {
      return await settlesWithin(ask(), PATIENCE_MS, clock);
    } catch {
      return false;
    }
  }

  /** Names what is down. */
  async function faults(): Promise<string[]> {
    const names = Object.keys(parts) as (keyof typeof parts)[];
    const sound = await Promise.all(names.map((name) => answers(parts[name])));
    return names.filter((_, i) => !sound[i]);
  }

  return new Hono<RouteBindings>()
    .get("/_ts/health", async (c) => {
      const down = await faults();
      return down.length === 0 ? c.json({ status: "ok" }) : c.json({ status: "down", down }, 503);
    })
    .get("/_ts/metrics", requireOperator(services, "loopback"), (c) => {
      for (const { table, keys, maxKeys, refusedFull } of services.tables()) {
        metrics.gauge("window_keys", keys, { table });
        metrics.gauge("window_max_keys", maxKeys, { table });
        metrics.gauge("window_takes_refused_full", refusedFull, { table });
      }
      return c.text(metrics.text(), 200, { "content-type": METRICS_CONTENT_TYPE });
    });
}
