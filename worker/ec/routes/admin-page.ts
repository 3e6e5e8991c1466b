import { Hono } from "hono";
import { toHex } from "../../../runtime/lib/hex.ts";
import { requireOperator } from "../../http/operator.ts";
import { readStatus } from "../admin/status.ts";
import type { RouteBindings } from "../app.ts";
import type { Services } from "../service.ts";

/** Anybody may have the page itself, for there is nothing in it; nobody may frame it, or give it a script. */
const PAGE_HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  // Pages of the publisher's own that open this one lose hold of it.
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "x-robots-tag": "noindex",
};

/**
 * `GET /_ts/admin/`, the operator's page, and `GET /_ts/admin/status`, what its charts are drawn from. The page holds no
 * data: its script asks for the admin token and sends it with every request of its own.
 */
export function adminPageRoutes(services: Services): Hono<RouteBindings> {
  const bytes = new Uint8Array(4);
  services.random.fill(bytes);
  const instance = toHex(bytes);

  return new Hono<RouteBindings>()
    .get("/_ts/admin", (c) => c.redirect("/_ts/admin/", 308))
    .get("/_ts/admin/", async (c) => {
      // Not before somebody wants it: what answers visitors does not carry it along.
      const { html, contentSecurityPolicy } = await import("../../admin/built/page.ts");
      return c.html(html, 200, { ...PAGE_HEADERS, "content-security-policy": contentSecurityPolicy });
    })
    .get("/_ts/admin/status", requireOperator(services.operator), (c) =>
      c.json(readStatus(services, instance), 200, { "cache-control": "no-store" }),
    );
}
