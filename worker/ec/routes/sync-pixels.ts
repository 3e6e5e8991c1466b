import { Hono } from "hono";
import { toSeconds } from "../../../runtime/ec/graph/entry.ts";
import { ecHash } from "../../../runtime/ec/id.ts";
import { pixelListKey } from "../../../runtime/ec/keys.ts";
import { filledPixelUrl } from "../../../runtime/ec/partners/pixel-url.ts";
import { pixelsDue } from "../../../runtime/ec/partners/pixels-due.ts";
import { allowsEcCreation } from "../../../runtime/ec/request/consent.ts";
import { consentParameters } from "../../../runtime/ec/request/consent-parameters.ts";
import { STORE_TIMEOUTS_MS } from "../../../runtime/ec/timeouts.ts";
import { valueWithin } from "../../../runtime/lib/within.ts";
import type { RateLimit } from "../../../runtime/platform.ts";
import { problem } from "../../http/problem.ts";
import { rateLimitFields } from "../../http/rate-limit.ts";
import { retryAfter } from "../../http/retry-after.ts";
import { publisherCors } from "../cors.ts";
import type { RouteBindings, Services } from "../services.ts";

/** Lists with pixels an hour for one EC hash. */
const RATE: RateLimit = { limit: 100, windowMs: 3_600_000, family: "visitors" };

/** `GET /_ts/sync-pixels`: the pixels that a page should load for its visitor. */
export function syncPixelsRoutes(services: Services): Hono<RouteBindings> {
  const { config, graph, registry, mayShare, limiter, random, clock, metrics, logOnce } = services;
  const cors = publisherCors({
    domain: config.publisher.domain,
    method: "GET",
    requestHeaders: "content-type",
    first: (c) =>
      allowsEcCreation(c.env.context.consent)
        ? null
        : c.json({ consent: "denied" }, 403, { "cache-control": "private, no-store" }),
  });

  function chance(): number {
    const byte = new Uint8Array(1);
    random.fill(byte);
    return byte[0]!;
  }

  return new Hono<RouteBindings>()
    .on(["GET", "OPTIONS"], "/_ts/sync-pixels", cors)
    .get("/_ts/sync-pixels", async (c) => {
      c.header("cache-control", "private, no-store");
      const { context } = c.env;
      const { activeId: id, consent } = context;
      if (id === null) return c.body(null, 204);
      try {
        await registry.ready();
        const partners = registry.withPixels().filter((partner) => mayShare(partner, context));
        if (partners.length === 0) return c.json({ pixels: [] });
        // An unknown id may be forged: it gets no pixels, and takes no window of an hour.
        const entry = await valueWithin(graph.get(id), STORE_TIMEOUTS_MS.identify, clock);
        const due = pixelsDue(partners, entry, toSeconds(context.nowMs), chance());
        if (due.length === 0) return c.json({ pixels: [] });
        const taken = await limiter.take(pixelListKey(ecHash(id)), RATE);
        for (const [name, value] of Object.entries(rateLimitFields("hour", RATE, taken)))
          c.header(name, value);
        if (!taken.admitted) {
          const message = `at most ${RATE.limit} lists of pixels an hour for one visitor; load them later`;
          return c.json(problem("rate_limit_exceeded", message), 429, retryAfter(taken));
        }
        const known = consentParameters(consent);
        const pixels = due.map(({ id: partner, pixelUrl }) => {
          metrics.count("millrace_ec_sync_pixels_total", { partner });
          return { partner, type: "image", url: filledPixelUrl(pixelUrl!, id, known) };
        });
        return c.json({ pixels });
      } catch (error) {
        logOnce.error("sync pixels", "reading an identity for pixels failed", { error });
        return c.json(problem("store_unavailable", "the store does not answer; try again later"), 503);
      }
    });
}
