import { type Context, Hono } from "hono";
import { allowsEcCreation } from "../../runtime/ec/consent.ts";
import { sharedIds } from "../../runtime/ec/eids.ts";
import { identifyAnswer } from "../../runtime/ec/identify.ts";
import { valueWithin } from "../../runtime/within.ts";
import type { RouteBindings } from "../app.ts";
import { publisherCors } from "../cors.ts";
import type { Services } from "../service.ts";

/** How long a page waits for the store before it is answered without, in milliseconds. */
const STORE_PATIENCE_MS = 1000;

/** `GET /identify`: the visitor's identity, for pages of the publisher. */
export function identifyRoutes(services: Services): Hono<RouteBindings> {
  const { config, graph, registry, clock, metrics, logOnce } = services;

  /** Consent's refusal goes before everything else. */
  function denied(c: Context<RouteBindings>): Response | null {
    if (allowsEcCreation(c.env.context.consent)) return null;
    metrics.count("ec_identify_total", { outcome: "denied" });
    return c.json({ consent: "denied" }, 403, { "cache-control": "private, no-store" });
  }

  const cors = publisherCors({
    domain: config.publisher.domain,
    method: "GET",
    requestHeaders: "content-type",
    first: denied,
  });

  return new Hono<RouteBindings>().on(["GET", "OPTIONS"], "/identify", cors).get("/identify", async (c) => {
    const { activeId } = c.env.context;
    c.header("cache-control", "private, no-store");
    if (activeId === null) {
      metrics.count("ec_identify_total", { outcome: "none" });
      return c.body(null, 204);
    }
    const [entry, isComplete] = await Promise.all([
      valueWithin(graph.get(activeId), STORE_PATIENCE_MS, clock).catch((error) => {
        logOnce.error("identify", "reading an identity failed", { error });
        return undefined;
      }),
      registry.ready(),
    ]);
    const degraded = entry === undefined || !isComplete;
    metrics.count("ec_identify_total", { outcome: degraded ? "degraded" : "ok" });
    const ids = sharedIds(entry ?? null, registry.get);
    const { body, headers } = identifyAnswer(activeId, ids, degraded);
    return c.json(body, 200, headers);
  });
}
