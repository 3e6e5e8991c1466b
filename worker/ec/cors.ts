/**
 * CORS: pages of the publisher's domain and its subdomains may read the visitor's identity, or have it deleted.
 * @module
 */
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { parseUrl } from "../../runtime/lib/schema.ts";
import { problem } from "../http/problem.ts";
import type { RouteBindings } from "./services.ts";

/** Whether an `Origin` is https and of the publisher's domain or a subdomain of it. */
export function isPublisherOrigin(origin: string, domain: string): boolean {
  const url = parseUrl(origin);
  if (url === null) return false; // for example "null", which sandboxed pages send
  const own = domain.replace(/^\./, "");
  return url.protocol === "https:" && (url.hostname === own || url.hostname.endsWith(`.${own}`));
}

/** Options of {@link publisherCors}. */
export interface CorsOptions {
  /** The publisher's domain. */
  domain: string;
  /** The route's method. */
  method: string;
  /** Request headers that a page may set. */
  requestHeaders: string;
  /** Also permit pages of the requested host: browsers send `Origin` there for unsafe methods. Default: false. */
  ownHost?: boolean;
  /** Returns an answer that takes precedence over the check of the origin; `null`: none. */
  first?(c: Context<RouteBindings>): Response | null;
}

/**
 * Middleware that answers preflights, reflects a permitted `Origin` with credentials, and refuses every other one before the route
 * runs. Without `Origin` there are no CORS headers.
 */
export function publisherCors({ domain, method, requestHeaders, ownHost = false, first }: CorsOptions) {
  const isPermitted = (origin: string, url: string) =>
    isPublisherOrigin(origin, domain) || (ownHost && hostOf(origin) === hostOf(url));

  return createMiddleware<RouteBindings>(async (c, next) => {
    const origin = c.req.header("origin");
    const permitted = origin === undefined || isPermitted(origin, c.req.url);
    const isPreflight = c.req.method === "OPTIONS";

    // Before the answer exists: hono copies an answer, with a stream for its body, for every header that is set later.
    c.header("vary", "Origin", { append: true });
    if (origin !== undefined && permitted) {
      c.header("access-control-allow-origin", origin);
      c.header("access-control-allow-credentials", "true");
      if (isPreflight) {
        c.header("access-control-allow-methods", method);
        c.header("access-control-allow-headers", requestHeaders);
        c.header("access-control-max-age", "600");
      }
    }
    const early = isPreflight ? null : (first?.(c) ?? null);
    if (early !== null) c.res = early;
    else if (!permitted) c.res = refusal(c, domain);
    else if (isPreflight) c.res = c.body(null, 204, { allow: `${method}, OPTIONS` });
    else await next();

    if (origin === undefined || !permitted) return;
    const { headers } = c.res;
    const exposed = [...headers.keys()].filter((name) => name.startsWith("x-ts-"));
    if (exposed.length > 0) headers.set("access-control-expose-headers", exposed.join(", "));
  });
}

function refusal(c: Context<RouteBindings>, domain: string): Response {
  const message = `pages of this origin may not ask; https pages of ${domain} and its subdomains may`;
  return c.json(problem("origin_not_allowed", message), 403);
}

function hostOf(url: string): string | null {
  return parseUrl(url)?.host ?? null;
}
