import { Hono } from "hono";
import type { RouteBindings } from "../services.ts";

/** `GET /_ts/openapi.json`: the description of this API. Loaded on demand. */
export function openApiRoutes(): Hono<RouteBindings> {
  return new Hono<RouteBindings>().get("/_ts/openapi.json", async (c) => {
    const { description } = await import("../openapi/description.ts");
    return c.json(description, 200, { "cache-control": "max-age=3600" });
  });
}
