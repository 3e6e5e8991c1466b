/**
 * The service's own routes as one handler. Every other path belongs to the wrapped handler.
 * @module
 */
import type { Hono } from "hono";
import { problem } from "../http/problem.ts";
import { hasPath } from "./route-kind.ts";
import { identifyOwnPage } from "./routes/identify.ts";
import type { App, RouteBindings, Services } from "./services.ts";

/** Adds to some routes: the answers to unknown paths and to failures, and a faster way for `/identify`. */
export function answering(services: Services, app: Hono<RouteBindings>): App {
  app.notFound((c) => c.json(problem("not_found", `there is no ${c.req.method} ${c.req.path}`), 404));
  app.onError((error, c) => {
    services.logOnce.error("route", "a route failed", { error, path: c.req.path });
    return c.json(problem("internal_error", "the request failed; the log has the cause"), 500);
  });
  const identify = identifyOwnPage(services);
  return (request, visit) =>
    isIdentifyOfOwnPage(request) ? identify(visit.context) : app.fetch(request, visit);
}

/** Whether the request is a `GET /identify` of a page on the same host. */
function isIdentifyOfOwnPage({ method, url, headers }: Request): boolean {
  return method === "GET" && hasPath(url, "/identify") && headers.get("origin") === null;
}
