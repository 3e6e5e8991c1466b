import { type Context, Hono } from "hono";
import {
  faultToWire,
  partnerFromWire,
  partnerToWire,
  type WireFault,
} from "../../../runtime/ec/answers/admin.ts";
import { STORE_TIMEOUTS_MS } from "../../../runtime/ec/timeouts.ts";
import { isObject } from "../../../runtime/lib/json.ts";
import { fieldName } from "../../../runtime/lib/schema.ts";
import { repeatedFields } from "../../config/repeated-fields.ts";
import { bodyRefusal, readJson } from "../../http/body.ts";
import { requireOperator } from "../../http/operator.ts";
import { problem } from "../../http/problem.ts";
import type { RouteBindings, Services } from "../services.ts";

/** Maximum length of a record, in bytes. */
const MAX_BODY_BYTES = 65_536;
/** Maximum number of repeated fields in one answer. */
const MAX_REPETITIONS = 20;

/** A fault for each field that is given twice: the service does not choose one of the values. */
function repetitionsIn(text: string): WireFault[] {
  const found: WireFault[] = [];
  for (const { path } of repeatedFields(text)) {
    found.push({ field: fieldName(path).slice(0, 80), reason: "given twice; expected one value" });
    if (found.length === MAX_REPETITIONS) break;
  }
  return found;
}

/** `POST /_ts/admin/partners/register`, `GET /_ts/admin/partners`, and `GET` and `DELETE /_ts/admin/partners/{id}`. */
export function partnerRoutes(services: Services): Hono<RouteBindings> {
  const { registry, log, logOnce } = services;
  const operator = requireOperator(services.operator);

  function storeIsDown(c: Context<RouteBindings>, error?: unknown) {
    if (error !== undefined)
      logOnce.error("partners", "the store failed under the partners' records", { error });
    return c.json(problem("store_unavailable", "the store does not answer; try again later"), 503);
  }

  const isConfigured = (c: Context<RouteBindings>) =>
    c.json(
      problem(
        "partner_configured",
        "this partner is from the configuration: change it there, then reload or restart the service",
      ),
      409,
    );

  const unknownPartner = (c: Context<RouteBindings>) =>
    c.json(problem("unknown_partner", "there is no partner of this id"), 404);

  return new Hono<RouteBindings>()
    .use("/_ts/admin/partners/*", operator, async (c, next) => {
      await next();
      c.header("cache-control", "no-store");
    })

    .get("/_ts/admin/partners", async (c) => {
      if (!(await registry.ready())) return storeIsDown(c);
      const limit = Number(c.req.query("limit") ?? Number.MAX_SAFE_INTEGER);
      if (!Number.isSafeInteger(limit) || limit < 1) {
        return c.json(problem("invalid_request", "limit must be a whole number from 1"), 400);
      }
      const after = c.req.query("after") ?? "";
      const partners = registry.all().filter(({ partner }) => partner.id > after);
      partners.sort((a, b) => (a.partner.id < b.partner.id ? -1 : 1));
      const page = partners.slice(0, limit);
      return c.json({
        partners: page.map(({ partner, source }) => partnerToWire(partner, source)),
        next: page.length < partners.length ? page.at(-1)!.partner.id : null,
      });
    })

    .get("/_ts/admin/partners/:id", async (c) => {
      if (!(await registry.ready())) return storeIsDown(c);
      const found = registry.all().find(({ partner }) => partner.id === c.req.param("id"));
      if (found === undefined) return unknownPartner(c);
      return c.json(partnerToWire(found.partner, found.source));
    })

    .post("/_ts/admin/partners/register", async (c) => {
      const body = await readJson(c.req.raw, MAX_BODY_BYTES);
      if ("fault" in body && body.fault !== "malformed") {
        const refusal = bodyRefusal(body.fault, MAX_BODY_BYTES);
        return c.json(refusal.body, refusal.status, refusal.headers);
      }
      if ("fault" in body || !isObject(body.value)) {
        return c.json(problem("invalid_json", "the body must be a JSON object: a partner's record"), 400);
      }
      const { input, keepsKey, faults } = partnerFromWire(body.value);
      faults.push(...repetitionsIn(body.text));
      try {
        const registering = registry.register(input, { checkOnly: faults.length > 0, keepsKey });
        const result = await c.env.resultOf(registering, STORE_TIMEOUTS_MS.operator);
        if (result.outcome === "configured") return isConfigured(c);
        if (result.outcome === "invalid") {
          const found = [...faults, ...result.faults.map(faultToWire)];
          const message = found.map(({ field, reason }) => `${field}: ${reason}`).join("; ");
          return c.json({ ...problem("invalid_partner", message), faults: found }, 400);
        }
        const { partner, outcome } = result;
        log.info("registered a partner", { partner: partner.id, outcome });
        return c.json(partnerToWire(partner, "registered"), outcome === "created" ? 201 : 200);
      } catch (error) {
        return storeIsDown(c, error);
      }
    })

    .delete("/_ts/admin/partners/:id", async (c) => {
      const id = c.req.param("id");
      try {
        const outcome = await c.env.resultOf(registry.remove(id), STORE_TIMEOUTS_MS.operator);
        if (outcome === "configured") return isConfigured(c);
        if (outcome === "unknown") return unknownPartner(c);
        log.info("removed a partner", { partner: id });
        return c.body(null, 204);
      } catch (error) {
        return storeIsDown(c, error);
      }
    });
}
