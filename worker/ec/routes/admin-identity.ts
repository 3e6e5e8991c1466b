import { Hono } from "hono";
import { entryToWire } from "../../../runtime/ec/answers/admin.ts";
import { valueWithin } from "../../../runtime/lib/within.ts";
import { requireOperator } from "../../http/operator.ts";
import { problem } from "../../http/problem.ts";
import type { RouteBindings } from "../app.ts";
import type { Services } from "../service.ts";

/** How long the store may take, in milliseconds. */
const STORE_PATIENCE_MS = 5000;

/** `GET /_ts/admin/identity/{id}`: everything that the graph holds for one EC id. */
export function adminIdentityRoutes(services: Services): Hono<RouteBindings> {
  const { graph, identity, clock, logOnce } = services;
  return new Hono<RouteBindings>().get(
    "/_ts/admin/identity/:id",
    requireOperator(services.operator),
    async (c) => {
      const id = c.req.param("id");
      c.header("cache-control", "no-store");
      if (!identity.isValid(id)) {
        return c.json(
          problem("invalid_ec_id", "an EC id is 64 hex digits, a dot and 6 letters or digits"),
          400,
        );
      }
      try {
        const entry = await valueWithin(graph.get(id), STORE_PATIENCE_MS, clock);
        if (entry === null)
          return c.json(problem("ec_id_not_found", "the graph holds nothing for this id"), 404);
        return c.json({ ec_id: id, entry: entryToWire(entry) });
      } catch (error) {
        logOnce.error("admin identity", "looking up an id failed", { error });
        return c.json(problem("store_unavailable", "the store does not answer; try again later"), 503);
      }
    },
  );
}
