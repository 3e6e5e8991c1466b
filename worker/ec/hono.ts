/**
 * The Edge Cookie as hono middleware.
 * @module
 */
import type { Context, MiddlewareHandler } from "hono";
import type { EcContext } from "../../runtime/ec/request/context.ts";
import type { FetchHandler } from "../hosts/host.ts";
import type { EdgeCookieHandler } from "./edge-cookie.ts";
import { ecOf, replaceRequest } from "./request-context.ts";

/** What `edgeCookie(options)` returns, on any host. */
// biome-ignore lint/suspicious/noExplicitAny: the host's arguments are passed on unread.
type Wrap = (handler: FetchHandler<any[]>) => EdgeCookieHandler<any[]>;

/** What the middleware adds to hono's `Context`. */
export interface EcEnv {
  Variables: {
    /** What the service knows of the request, as `ecOf` returns it. */
    ec: EcContext;
  };
}

/**
 * Hono middleware: everything registered after it is the wrapped site. Handlers read the context as `c.var.ec` or by `ecOf(c)`, also
 * behind middleware that replaces the request, such as `bodyLimit`.
 *
 * @param wrap what `edgeCookie(options)` of your runtime returned.
 * @example
 * ```ts
 * import { Hono } from "hono";
 * import { edgeCookie } from "millrace";
 * import { edgeCookieMiddleware } from "millrace/hono";
 * const app = new Hono()
 *   .use(edgeCookieMiddleware(edgeCookie(options)))
 *   .get("/", (c) => c.text(`your id: ${c.var.ec.activeId}`))
 *   // A mounted application gets another request, whose path is shorter: hand it what it needs.
 *   .mount("/shop", (request, ec) => shop(request, ec), (c) => [ecOf(c)]);
 * ```
 */
export function edgeCookieMiddleware(wrap: Wrap): MiddlewareHandler<EcEnv> {
  const rest = new WeakMap<Request, { c: Context<EcEnv>; next: () => Promise<void> }>();
  const handler = wrap(async (request: Request) => {
    const { c, next } = rest.get(request)!;
    c.set("ec", ecOf(request)!);
    watchReplacement(c);
    await next();
    return c.res;
  });
  return async (c, next) => {
    rest.set(c.req.raw, { c, next });
    const response = await handler(c.req.raw, c.env, executionContext(c));
    // Assigning a response to an existing one would merge their headers.
    c.res = undefined;
    c.res = response;
  };
}

/** Makes a request carry the visit if other middleware replaces the first request by it. */
function watchReplacement(c: Context): void {
  let raw = c.req.raw;
  Object.defineProperty(c.req, "raw", {
    configurable: true,
    enumerable: true,
    get: () => raw,
    set(next: Request) {
      replaceRequest(raw, next);
      raw = next;
    },
  });
}

/** Cloudflare's `ctx`; hono throws where the host has none. */
function executionContext(c: Context): unknown {
  try {
    return c.executionCtx;
  } catch {
    return undefined;
  }
}
