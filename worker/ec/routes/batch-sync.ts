import { type Context, Hono } from "hono";
import { partnerIdIn, toSeconds } from "../../../runtime/ec/graph/entry.ts";
import { batchKey } from "../../../runtime/ec/keys.ts";
import { applyMappings, readMappings } from "../../../runtime/ec/partners/batch-sync.ts";
import type { Partner } from "../../../runtime/ec/partners/partner.ts";
import { STORE_TIMEOUTS_MS } from "../../../runtime/ec/timeouts.ts";
import { valueWithin } from "../../../runtime/lib/within.ts";
import { bearerToken } from "../../http/bearer.ts";
import { bodyRefusal, readJson } from "../../http/body.ts";
import { problem } from "../../http/problem.ts";
import { rateLimitFields } from "../../http/rate-limit.ts";
import { retryAfter } from "../../http/retry-after.ts";
import type { RouteBindings, Services } from "../services.ts";

/** Maximum length of an upload, in bytes. */
const MAX_BODY_BYTES = 1_048_576;
const MINUTE_MS = 60_000;

/** `POST /_ts/api/v1/sync`, batch sync; `GET` and `DELETE /_ts/api/v1/sync/{ec_id}`, a partner's own mapping of one visitor. */
export function batchSyncRoutes(services: Services): Hono<RouteBindings> {
  const { registry, graph, identity, limiter, clock, metrics, logOnce, sha256Hex, inTurn } = services;

  /** The partner of a key, and whether its rate limit admits the request; `null`: an unknown key. */
  async function admit(key: string) {
    if (!(await registry.ready())) throw new Error("the registered partners are not known yet");
    const found = await registry.authenticate(sha256Hex(key));
    if (found === null) return null;
    const { partner } = found;
    metrics.count("millrace_ec_partner_requests_total", { partner: partner.id, key: found.key });
    const rate = { limit: partner.batchRateLimit, windowMs: MINUTE_MS };
    return { partner, rate, taken: await limiter.take(batchKey(partner.id), rate) };
  }

  /** The partner that asks, or why it gets no further. */
  async function partnerOf(c: Context<RouteBindings>): Promise<Partner | Response> {
    c.header("cache-control", "no-store");
    const unauthorized = () =>
      c.json(problem("unauthorized", "send your API key as Authorization: Bearer <key>"), 401, {
        "www-authenticate": "Bearer",
      });
    const key = bearerToken(c.req.header("authorization"));
    if (key === null) return unauthorized();
    let admitted: Awaited<ReturnType<typeof admit>>;
    try {
      admitted = await valueWithin(admit(key), STORE_TIMEOUTS_MS.batchAuthentication, clock);
    } catch (error) {
      logOnce.error("batch authentication", "a partner's server could not be authenticated", { error });
      return c.json(problem("store_unavailable", "your key cannot be checked now; try again later"), 503);
    }
    if (admitted === null) return unauthorized();
    const { partner, rate, taken } = admitted;
    for (const [name, value] of Object.entries(rateLimitFields("minute", rate, taken))) c.header(name, value);
    if (taken.admitted) return partner;
    const message = `at most ${partner.batchRateLimit} requests a minute; Retry-After says when the next may come`;
    return c.json(problem("rate_limit_exceeded", message), 429, retryAfter(taken));
  }

  /** Does something with the asking partner's own id for the visitor in the path. */
  const withMapping =
    (use: (c: Context<RouteBindings>, id: string, partner: Partner) => Promise<Response>) =>
    async (c: Context<RouteBindings>) => {
      const partner = await partnerOf(c);
      if (partner instanceof Response) return partner;
      const id = c.req.param("ec_id")!;
      if (!identity.isValid(id))
        return c.json(problem("invalid_ec_id", "the path must end with an EC id"), 400);
      try {
        return await use(c, id, partner);
      } catch (error) {
        logOnce.error("mapping", "the store failed under a partner's own mapping", { error });
        return c.json(problem("store_unavailable", "the store does not answer; try again later"), 503);
      }
    };

  const readMapping = withMapping(async (c, id, partner) => {
    const entry = await valueWithin(graph.get(id), STORE_TIMEOUTS_MS.operator, clock);
    const known = entry === null ? undefined : partnerIdIn(entry, partner);
    if (known === undefined)
      return c.json(problem("mapping_not_found", "you have no id for this visitor"), 404);
    return c.json({ ec_id: id, partner_uid: known.uid, timestamp: known.synced });
  });

  const deleteMapping = withMapping(async (c, id, partner) => {
    await c.env.resultOf(graph.removePartnerId(id, partner), STORE_TIMEOUTS_MS.operator);
    return c.body(null, 204);
  });

  const routes = new Hono<RouteBindings>();
  routes.get("/_ts/api/v1/sync/:ec_id", readMapping).delete("/_ts/api/v1/sync/:ec_id", deleteMapping);
  return routes.post("/_ts/api/v1/sync", async (c) => {
    const partner = await partnerOf(c);
    if (partner instanceof Response) return partner;

    const body = await readJson(c.req.raw, MAX_BODY_BYTES, { inTurn });
    if ("fault" in body) {
      const refusal = bodyRefusal(body.fault, MAX_BODY_BYTES);
      return c.json(refusal.body, refusal.status, refusal.headers);
    }
    const mappings = readMappings(body.value);
    if (!Array.isArray(mappings)) return c.json(problem("invalid_request", mappings.fault), 400);

    const applied = applyMappings(mappings, partner, {
      graph,
      isValidId: identity.isValid,
      nowSeconds: toSeconds(clock.now()),
      onFailure: (error) =>
        logOnce.error("batch sync", "a batch upload could not be written whole", {
          partner: partner.id,
          error,
        }),
    });
    c.env.keep(applied);
    const answer = await applied;
    metrics.count(
      "millrace_ec_batch_mappings_total",
      { partner: partner.id, outcome: "accepted" },
      answer.accepted,
    );
    for (const { reason } of answer.errors) {
      metrics.count("millrace_ec_batch_mappings_total", { partner: partner.id, outcome: reason });
    }
    return c.json(answer, answer.rejected === 0 ? 200 : 207);
  });
}
