import { type Context, Hono } from "hono";
import { visitorDeletion } from "../../../runtime/ec/answers/deletion.ts";
import { shortId } from "../../../runtime/ec/id.ts";
import type { EcContext } from "../../../runtime/ec/request/context.ts";
import { STORE_TIMEOUTS_MS } from "../../../runtime/ec/timeouts.ts";
import { isObject } from "../../../runtime/lib/json.ts";
import { bodyRefusal, readJson } from "../../http/body.ts";
import { requireOperator } from "../../http/operator.ts";
import { problem } from "../../http/problem.ts";
import { retryAfter } from "../../http/retry-after.ts";
import { publisherCors } from "../cors.ts";
import type { RouteBindings, Services } from "../services.ts";

const PATH = "/_ts/api/v1/identity";
const MAX_BODY_BYTES = 4096;

/** `DELETE /_ts/api/v1/identity`: deletes an identity, for the operator or for the visitor who has it. */
export function deletionRoutes(services: Services): Hono<RouteBindings> {
  const { config, graph, identity, mayAdopt, mayEnd, settings, log, logOnce, metrics, dropQueued } = services;
  const operator = requireOperator(services.operator);

  /** Drops queued work first, so that none of it begins while the entry is deleted. */
  async function erase(id: string, by: "operator" | "visitor", mayMark: () => boolean | Promise<boolean>) {
    dropQueued(id);
    await graph.delete(id, mayMark);
    metrics.count("millrace_ec_deletions_total", { by });
    log[by === "operator" ? "info" : "debug"]("deleted an identity", { ec: shortId(id), by });
  }

  /** Deletes an id for the visitor. @returns if it was refused, after how many milliseconds to retry; else 0. */
  async function eraseForVisitor(id: string, context: EcContext): Promise<number> {
    const ending = await mayEnd(id, context);
    if (ending.outcome === "refused") {
      metrics.count("millrace_ec_endings_refused_total", { what: "deletion" });
      return ending.retryAfterMs;
    }
    if (ending.outcome === "may") await erase(id, "visitor", () => mayAdopt(id, context));
    return 0;
  }

  /** The result of some work, which goes on after the response; `null`: the store does not answer. */
  async function outcomeOf<T>(c: Context<RouteBindings>, work: Promise<T>): Promise<T | null> {
    try {
      return await c.env.resultOf(work, STORE_TIMEOUTS_MS.deletion);
    } catch (error) {
      logOnce.error("deletion", "deleting an identity failed", { error });
      return null;
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
    const erased = await outcomeOf(
      c,
      erase(id, "operator", () => true).then(() => true),
    );
    return erased === null ? storeIsDown(c) : c.body(null, 204);
  }

  async function forVisitor(c: Context<RouteBindings>): Promise<Response> {
    const { context } = c.env;
    const deletion = visitorDeletion(context);
    if (deletion.outcome === "unproven") {
      const message = `send the ${settings.cookie.name} cookie of the identity to delete, or the operator's token and an ec_id`;
      return c.json(problem("unauthorized", message), 401, { "www-authenticate": "Bearer" });
    }
    if (deletion.outcome === "entries") {
      const erased = Promise.all(deletion.ids.map((id) => eraseForVisitor(id, context)));
      const waits = await outcomeOf(c, erased);
      if (waits === null) return storeIsDown(c);
      const retryAfterMs = Math.max(...waits);
      if (retryAfterMs > 0) {
        const message = "too many identities of other addresses were deleted from yours; try again later";
        return c.json(problem("rate_limit_exceeded", message), 429, retryAfter({ retryAfterMs }));
      }
    }
    c.env.erase();
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
    // A request with a token is the operator's, and concerns another visitor's identity.
    return (await operator(c, async () => {})) ?? forOperator(c);
  });
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
