import { Hono } from "hono";
import { requireOperator } from "../../http/operator.ts";
import { readStatus } from "../admin/status.ts";
import type { RouteBindings, Services } from "../services.ts";

/** The page itself is public, because it holds no data. No other site may frame it or give it a script. */
const PAGE_HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  // The publisher's own pages that open this one get no reference to it.
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "x-robots-tag": "noindex",
};

/**
 * `GET /_ts/admin/`, the operator's page, and `GET /_ts/admin/status`, the data of its charts. The page holds no data: its script
 * asks for the operator's token and sends it with every request.
 */
export function adminPageRoutes(services: Services): Hono<RouteBindings> {
  return new Hono<RouteBindings>()
    .get("/_ts/admin", (c) => c.redirect("/_ts/admin/", 308))
    .get("/_ts/admin/", async (c) => {
      // Loaded on demand, to keep it out of what serves visitors.
      const { html, contentSecurityPolicy } = await import("../../admin/built/page.ts");
      return c.html(html, 200, { ...PAGE_HEADERS, "content-security-policy": contentSecurityPolicy });
    })
    .get("/_ts/admin/status", requireOperator(services.operator), (c) =>
      c.json(readStatus(services), 200, { "cache-control": "no-store" }),
    );
}
