import { Hono } from "hono";
import { generationOf, toSeconds, type UpsertOutcome } from "../../../runtime/ec/graph/entry.ts";
import { ecHash } from "../../../runtime/ec/id.ts";
import { pixelKey } from "../../../runtime/ec/keys.ts";
import type { Partner } from "../../../runtime/ec/partners/partner.ts";
import {
  type PixelResult,
  pixelRefusal,
  readPixelQuery,
  readReturnUrl,
  signalsOf,
  unrecorded,
  withResult,
} from "../../../runtime/ec/partners/pixel-sync.ts";
import { decideConsent } from "../../../runtime/ec/request/consent.ts";
import type { EcContext } from "../../../runtime/ec/request/context.ts";
import { STORE_TIMEOUTS_MS } from "../../../runtime/ec/timeouts.ts";
import { valueWithin } from "../../../runtime/lib/within.ts";
import type { RateLimit } from "../../../runtime/platform.ts";
import { problem } from "../../http/problem.ts";
import { rateLimitFields } from "../../http/rate-limit.ts";
import { retryAfter } from "../../http/retry-after.ts";
import type { RouteBindings, Services } from "../services.ts";

const HOUR_MS = 3_600_000;

/** `GET /sync`: pixel sync. */
export function pixelSyncRoutes(services: Services): Hono<RouteBindings> {
  const {
    config,
    registry,
    graph,
    limiter,
    hasStanding,
    mayAdopt,
    mayShare,
    newEntryFor,
    settings,
    clock,
    metrics,
    logOnce,
  } = services;
  const rules = { allowInsecure: config.allowInsecurePartners };

  /** Writes the partner's id. An EC id that the graph does not know must be adoptable. */
  async function write(partner: Partner, uid: string, context: EcContext): Promise<PixelResult> {
    const id = context.activeId!;
    const synced = toSeconds(context.nowMs);
    const upserts = [{ partner: partner.id, uid, synced, ...generationOf(partner) }];
    let outcomes: UpsertOutcome[] | null = await graph.upsertKnown(id, upserts);
    if (outcomes === null && (await mayAdopt(id, context))) {
      // Begun together, so that the graph writes them at once.
      [, outcomes] = await Promise.all([
        graph.createOrRevive(id, newEntryFor(context)),
        graph.upsertPartnerIds(id, upserts),
      ]);
    }
    if (outcomes === null || outcomes[0] === "deleted") return "write_failed";
    return outcomes[0] === "tombstoned" ? "no_consent" : "synced";
  }

  return new Hono<RouteBindings>().get("/sync", async (c) => {
    c.header("cache-control", "private, no-store");
    const query = readPixelQuery(new URL(c.req.url).searchParams);
    if ("fault" in query) return c.json(problem("invalid_request", query.fault), 400);
    const isComplete = await registry.ready();
    const partner = registry.get(query.partner);
    if (partner === undefined && !isComplete) {
      return c.json(problem("store_unavailable", "the store does not answer; try again later"), 503);
    }
    if (partner === undefined) {
      return c.json(problem("unknown_partner", "no partner of this id is registered"), 400);
    }
    const back = readReturnUrl(query.return, partner, rules);
    if (!(back instanceof URL)) return c.json(problem("invalid_return", back.fault), 400);

    const answer = (result: PixelResult) => {
      metrics.count("millrace_ec_pixel_syncs_total", { partner: partner.id, result });
      return c.redirect(withResult(back, result), 302);
    };
    const asRead = c.env.context;
    const own = asRead.consent.signals;
    const stated = signalsOf(query.stated, own);
    let decided = asRead.consent;
    if (stated !== null) {
      decided = decideConsent(stated, asRead.client, settings.policy, asRead.nowMs);
      c.env.stateConsent(unrecorded(decided, own));
    }
    const { context } = c.env;
    const refusal = pixelRefusal(context);
    if (refusal !== null) return answer(refusal);
    if (!mayShare(partner, { consent: decided, nowMs: asRead.nowMs })) return answer("no_consent");
    const id = context.activeId!;
    try {
      // A forged id must not take a window of an hour.
      if (!(await valueWithin(hasStanding(id, context), STORE_TIMEOUTS_MS.pixel, clock)))
        return answer("write_failed");
      const rate: RateLimit = { limit: partner.syncRateLimit, windowMs: HOUR_MS, family: "visitors" };
      const taken = await limiter.take(pixelKey(partner.id, ecHash(id)), rate);
      for (const [name, value] of Object.entries(rateLimitFields("hour", rate, taken))) c.header(name, value);
      if (!taken.admitted) {
        metrics.count("millrace_ec_pixel_syncs_total", { partner: partner.id, result: "rate_limited" });
        const message = `at most ${partner.syncRateLimit} pixels an hour for one visitor; keep the rest for later`;
        return c.json(problem("rate_limit_exceeded", message), 429, retryAfter(taken));
      }
      return answer(await c.env.resultOf(write(partner, query.uid, context), STORE_TIMEOUTS_MS.pixel));
    } catch (error) {
      logOnce.error("pixel sync", "a pixel's id could not be written", { partner: partner.id, error });
      return answer("write_failed");
    }
  });
}
