import { type Context, Hono } from "hono";
import { visitorDeletion } from "../../runtime/ec/deletion.ts";
import { shortId } from "../../runtime/ec/id.ts";
import { isObject } from "../../runtime/json.ts";
import { valueWithin } from "../../runtime/within.ts";
import type { RouteBindings } from "../app.ts";
import { bodyRefusal, readJson } from "../body.ts";
import { publisherCors } from "../cors.ts";
import { requireOperator } from "../operator.ts";
import { problem } from "../problem.ts";
import type { Services } from "../service.ts";

const PATH = "/_ts/api/v1/identity";
const MAX_BODY_BYTES = 4096;
/** How long the store may take, in milliseconds. */
const STORE_PATIENCE_MS = 5000;

/** `DELETE /_ts/api/v1/identity`: forgets an identity, for an operator or for the visitor whose it is. */
export function deletionRoutes(services: Services): Hono<RouteBindings> {
  const { config, graph, identity, clock, log, logOnce, metrics, dropQueued } = services;
  const operator = requireOperator(services);

  /** Queued work goes first, so that none of it begins while the entry goes. */
  async function erase(id: string): Promise<void> {
    await dropQueued(id);
    await graph.delete(id);
  }

  /** @returns whether the entry is gone. */
  async function eraseFor(
    c: Context<RouteBindings>,
    by: "operator" | "visitor",
    id: string,
  ): Promise<boolean> {
    try {
      const erased = erase(id);
      c.env.keep(erased);
      await valueWithin(erased, STORE_PATIENCE_MS, clock);
      metrics.count("ec_deletions_total", { by });
      log[by === "operator" ? "info" : "debug"]("deleted an identity", { ec: shortId(id), by });
      return true;
    } catch (error) {
      logOnce.error("deletion", "deleting an identity failed", { error });
      return false;
    }
  }

  const storeIsDown = (c: Context<RouteBindings>) =>
    c.json(
      problem(
        "store_unavailable",
        "the store does not answer and may hold the identity still; try again later",
      ),
      503,
    );

  async function forOperator(c: Context<RouteBindings>): Promise<Response> {
    let id = c.req.query("ec_id");
    if (id === undefined) {
      const body = await readJson(c.req.raw, MAX_BODY_BYTES);
      if ("fault" in body && body.fault === "unsupported_encoding") {
        const refusal = bodyRefusal(body.fault, MAX_BODY_BYTES);
        return c.json(refusal.body, refusal.status, refusal.headers);
      }
      if ("value" in body && isObject(body.value)) id = textOf(body.value.ec_id);
    }
    if (id === undefined || !identity.isValid(id)) {
      const message = 'name the EC id to delete as {"ec_id": "…"} in the body or as ?ec_id=';
      return c.json(problem("invalid_ec_id", message), 400);
    }
    return (await eraseFor(c, "operator", id)) ? c.body(null, 204) : storeIsDown(c);
  }

  async function forVisitor(c: Context<RouteBindings>): Promise<Response> {
    const { context } = c.env;
    const deletion = visitorDeletion(context);
    if (deletion.outcome === "unproven") {
      const message = "send the ts-ec cookie of the identity to delete, or the admin token and an ec_id";
      return c.json(problem("unauthorized", message), 401, { "www-authenticate": "Bearer" });
    }
    if (deletion.outcome === "entry" && !(await eraseFor(c, "visitor", deletion.id))) return storeIsDown(c);
    context.erased = true;
    return c.body(null, 204);
  }

  const cors = publisherCors({
    domain: config.publisher.domain,
    method: "DELETE",
    requestHeaders: "authorization, content-type",
    ownHost: true,
  });

  return new Hono<RouteBindings>().on(["DELETE", "OPTIONS"], PATH, cors).delete(PATH, async (c) => {
    c.header("cache-control", "no-store");
    if (c.req.header("authorization") === undefined) return forVisitor(c);
    // Not both: whoever sends a token means to act as the operator, on another's identity.
    return (await operator(c, async () => {})) ?? forOperator(c);
  });
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
