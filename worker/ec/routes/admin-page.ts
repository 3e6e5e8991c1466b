import { Hono } from "hono";
import { PAGE_HEADERS } from "../../admin/page-headers.ts";
import { requireOperator } from "../../http/operator.ts";
import { readPast, readStatus } from "../admin/status.ts";
import type { RouteBindings, Services } from "../services.ts";

/**
 * `GET /_ts/admin/`, the operator's page, and `GET /_ts/admin/status`, the data of its charts, and
 * `GET /_ts/admin/past`, what of them a server kept. The page holds no data: its script
 * asks for the operator's token and sends it with every request.
 */
export function adminPageRoutes(services: Services): Hono<RouteBindings> {
  return new Hono<RouteBindings>()
    .get("/_ts/admin", (c) => c.redirect("/_ts/admin/", 308))
    .get("/_ts/admin/", async (c) => {
      // Loaded on demand, to keep it out of what serves visitors.
      const { html, contentSecurityPolicy } = await import("../../admin/built/ec.ts");
      return c.html(html, 200, { ...PAGE_HEADERS, "content-security-policy": contentSecurityPolicy });
    })
    .get("/_ts/admin/status", requireOperator(services.operator), async (c) =>
      c.json((await services.workers?.status()) ?? readStatus(services), 200, {
        "cache-control": "no-store",
      }),
    )
    .get("/_ts/admin/past", requireOperator(services.operator), async (c) =>
      c.json((await services.workers?.past(services.clock.now())) ?? readPast(services), 200, {
        "cache-control": "no-store",
      }),
    );
}
