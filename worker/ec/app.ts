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
  app.notFound((c) => {
    const { method, path } = c.req;
    const allowed = methodsOf(app, path);
    if (allowed.length === 0) return c.json(problem("not_found", `there is no ${method} ${path}`), 404);
    const allow = allowed.join(", ");
    return c.json(problem("method_not_allowed", `${path} has no ${method}; it has ${allow}`), 405, { allow });
  });
  app.onError((error, c) => {
    services.logOnce.error("route", "a route failed", { error, path: c.req.path });
    return c.json(problem("internal_error", "the request failed; the log has the cause"), 500);
  });
  const identify = identifyOwnPage(services);
  return (request, visit) =>
    isIdentifyOfOwnPage(request) ? identify(visit.context) : app.fetch(request, visit);
}

/** The methods that a path has (RFC 9110, 15.5.6); none: there is no such path. */
function methodsOf({ routes }: Hono<RouteBindings>, path: string): string[] {
  const parts = path.split("/");
  const fits = (pattern: string) => {
    const names = pattern.split("/");
    return names.length === parts.length && names.every((name, i) => name[0] === ":" || name === parts[i]);
  };
  const fitting = routes.filter((route) => route.method !== "ALL" && fits(route.path));
  // A path without variables goes before one with (OpenAPI 3.1, Paths Object).
  const exact = fitting.filter((route) => route.path === path);
  const found = (exact.length > 0 ? exact : fitting).map(({ method }) => method);
  return [...new Set(found.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])))];
}

/** Whether the request is a `GET /identify` of a page on the same host. */
function isIdentifyOfOwnPage({ method, url, headers }: Request): boolean {
  return method === "GET" && hasPath(url, "/identify") && headers.get("origin") === null;
}
