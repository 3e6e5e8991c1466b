/**
 * What a request carries of its visit.
 * @module
 */
import type { EcContext } from "../../runtime/ec/request/context.ts";
import type { Visit } from "./visit.ts";

/** The request carries its visit in a property: a `WeakMap` would cost more, above all when garbage is collected. */
const VISIT = Symbol("millrace.visit");

/** A request that came through the service. */
interface VisitRequest extends Request {
  [VISIT]?: Visit;
}

/** An object with a request, such as hono's `Context`. */
export interface HasRequest {
  readonly req: { readonly raw: Request };
}

/** A request of `node:http`, such as Express's `req` and Fastify's `request.raw`. */
export interface NodeRequest {
  readonly rawHeaders: readonly string[];
}

/**
 * What the service knows of a request: its id, the decision on consent, the client. The value never changes.
 *
 * Call it with the same request object that your handler got: a copy, by `new Request(request)` or `request.clone()`, has no
 * context. Behind `edgeCookieMiddleware` it also works after other middleware replaced the request.
 *
 * @param source the request, hono's `Context`, or behind `nodeMiddleware` the request of `node:http`.
 * @returns `undefined` for a request that did not come through the service.
 * @example
 * ```ts
 * const id = ecOf(request)?.activeId; // string, null: no id, or undefined: not through the service
 * ```
 */
export function ecOf(source: Request | HasRequest | NodeRequest): EcContext | undefined {
  return visitOf(("req" in source ? source.req.raw : source) as Request)?.context;
}

/** The visit of a request; `undefined` if it did not come through the service. */
export function visitOf(request: Request): Visit | undefined {
  return (request as VisitRequest)[VISIT];
}

/** Makes a request carry its visit. */
export function attachVisit(request: Request, visit: Visit): void {
  (request as VisitRequest)[VISIT] = visit;
}

/** Makes a request carry the visit of the request that it replaces. */
export function replaceRequest(before: Request, after: Request): void {
  const visit = visitOf(before);
  if (visit !== undefined) attachVisit(after, visit);
}
