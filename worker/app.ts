/**
 * The HTTP routes of the Edge Cookie service itself. Every other path belongs to the wrapped handler.
 * @module
 */
import { Hono } from "hono";
import type { EcContext } from "../runtime/ec/context.ts";
import { problem } from "./problem.ts";
import { adminIdentityRoutes } from "./routes/admin-identity.ts";
import { adminPageRoutes } from "./routes/admin-page.ts";
import { auctionRoutes } from "./routes/auction.ts";
import { batchSyncRoutes } from "./routes/batch-sync.ts";
import { deletionRoutes } from "./routes/deletion.ts";
import { healthRoutes } from "./routes/health.ts";
import { identifyOwnPage, identifyRoutes } from "./routes/identify.ts";
import { openApiRoutes } from "./routes/openapi.ts";
import { partnerRoutes } from "./routes/partners.ts";
import { pixelSyncRoutes } from "./routes/pixel-sync.ts";
import type { Services } from "./service.ts";

/** What a route finds in `c.env`. */
export interface RouteBindings {
  Bindings: {
    context: EcContext;
    /** Lets work go on though the request is answered or its client gone, on hosts where it would end with that. */
    keep(work: Promise<unknown>): void;
  };
}

/** All routes, as hono has them. */
export function serviceRoutes(services: Services): Hono<RouteBindings> {
  const app = new Hono<RouteBindings>();
  app.route("/", healthRoutes(services));
  app.route("/", openApiRoutes());
  app.route("/", partnerRoutes(services));
  app.route("/", adminIdentityRoutes(services));
  app.route("/", adminPageRoutes(services));
  app.route("/", pixelSyncRoutes(services));
  app.route("/", batchSyncRoutes(services));
  app.route("/", identifyRoutes(services));
  app.route("/", auctionRoutes(services));
  app.route("/", deletionRoutes(services));
  return app;
}

/** Answers for all routes. */
export type App = (request: Request, bindings: RouteBindings["Bindings"]) => Response | Promise<Response>;

/** Builds what answers for all routes. */
export function createApp(services: Services): App {
  const app = serviceRoutes(services);
  app.notFound((c) => c.json(problem("not_found", `there is no ${c.req.method} ${c.req.path}`), 404));
  app.onError((error, c) => {
    services.logOnce.error(`route ${c.req.path}`, "a route failed", { error, path: c.req.path });
    return c.json(problem("internal_error", "the request failed; the log has the cause"), 500);
  });
  const identify = identifyOwnPage(services);
  return (request, bindings) =>
    isOwnPageAsking(request) ? identify(bindings.context) : app.fetch(request, bindings);
}

/** Whether a page of the host that it asks wants to know its visitor. */
function isOwnPageAsking({ method, url, headers }: Request): boolean {
  return (
    method === "GET" && /^[^/]+:\/\/[^/]+\/identify(?:[?#]|$)/.test(url) && headers.get("origin") === null
  );
}
