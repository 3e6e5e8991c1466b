/**
 * The HTTP routes of the Edge Cookie service itself. Every other path belongs to the wrapped handler.
 * @module
 */
import type { Hono } from "hono";
import type { EcContext } from "../../runtime/ec/request/context.ts";
import { problem } from "../http/problem.ts";
import { hasPath } from "./route-kind.ts";
import { identifyOwnPage } from "./routes/identify.ts";
import type { Services } from "./service.ts";

/** What a route finds in `c.env`. */
export interface RouteBindings {
  Bindings: {
    context: EcContext;
    /** Lets work go on though the request is answered or its client gone, on hosts where it would end with that. */
    keep(work: Promise<unknown>): void;
  };
}

/** Answers for all routes of a host. */
export type App = (request: Request, bindings: RouteBindings["Bindings"]) => Response | Promise<Response>;

/** Loads a host's routes, which visitors' pages do not wait for. */
export type LoadApp = () => Promise<{ createApp(services: Services): App }>;

/** Completes routes: what they do not know, what fails, and what is quicker without a router. */
export function answering(services: Services, app: Hono<RouteBindings>): App {
  app.notFound((c) => c.json(problem("not_found", `there is no ${c.req.method} ${c.req.path}`), 404));
  app.onError((error, c) => {
    services.logOnce.error("route", "a route failed", { error, path: c.req.path });
    return c.json(problem("internal_error", "the request failed; the log has the cause"), 500);
  });
  const identify = identifyOwnPage(services);
  return (request, bindings) =>
    isOwnPageAsking(request) ? identify(bindings.context) : app.fetch(request, bindings);
}

/** Whether a page of the host that it asks wants to know its visitor. */
function isOwnPageAsking({ method, url, headers }: Request): boolean {
  return method === "GET" && hasPath(url, "/identify") && headers.get("origin") === null;
}
