import { Hono } from "hono";
import type { RouteBindings } from "../services.ts";

const HEADERS = {
  "content-type": "text/javascript; charset=utf-8",
  "cache-control": "public, max-age=3600",
  "x-content-type-options": "nosniff",
  // For pages on other hosts of the publisher, with an `integrity` in particular. The script is the same for all.
  "access-control-allow-origin": "*",
  "cross-origin-resource-policy": "cross-origin",
};

/** `GET /_ts/prebid.js`: the script for pages with Prebid.js. Loaded on demand. */
export function pageScriptRoutes(): Hono<RouteBindings> {
  return new Hono<RouteBindings>().get("/_ts/prebid.js", async (c) => {
    const { script } = await import("../../admin/built/prebid.ts");
    return c.body(script, 200, HEADERS);
  });
}
