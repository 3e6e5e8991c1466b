/**
 * The Edge Cookie as hono middleware.
 * @module
 */
import type { Context, MiddlewareHandler } from "hono";
import type { EdgeCookieHandler } from "./edge-cookie.ts";
import type { FetchHandler } from "./host.ts";

/** What `edgeCookie(options)` returns, on any host. */
// biome-ignore lint/suspicious/noExplicitAny: the host's arguments pass through unread.
type Wrap = (handler: FetchHandler<any[]>) => EdgeCookieHandler<any[]>;

/**
 * Hono middleware: everything registered after it is the wrapped site.
 *
 * @param wrap what `edgeCookie(options)` of your runtime returned.
 * @example
 * ```ts
 * import { Hono } from "hono";
 * import { edgeCookie } from "millrace";
 * import { edgeCookieMiddleware } from "millrace/hono";
 * const app = new Hono().use(edgeCookieMiddleware(edgeCookie(options)));
 * ```
 */
export function edgeCookieMiddleware(wrap: Wrap): MiddlewareHandler {
  const rest = new WeakMap<Request, { c: Context; next: () => Promise<void> }>();
  const handler = wrap(async (request: Request) => {
    const { c, next } = rest.get(request)!;
    await next();
    return c.res;
  });
  return async (c, next) => {
    rest.set(c.req.raw, { c, next });
    const response = await handler(c.req.raw, c.env, executionContext(c));
    // Assigning over a response would merge the old headers into the new ones.
    c.res = undefined;
    c.res = response;
  };
}

/** Cloudflare's `ctx`; hono throws where the host has none. */
function executionContext(c: Context): unknown {
  try {
    return c.executionCtx;
  } catch {
    return undefined;
  }
}
