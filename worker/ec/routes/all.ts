/**
 * Every route of the Edge Cookie, for hosts that answer the public.
 * @module
 */
import { Hono } from "hono";
import { answering } from "../app.ts";
import type { App, RouteBindings, Services } from "../services.ts";
import { adminIdentityRoutes } from "./admin-identity.ts";
import { adminPageRoutes } from "./admin-page.ts";
import { auctionRoutes } from "./auction.ts";
import { batchSyncRoutes } from "./batch-sync.ts";
import { deletionRoutes } from "./deletion.ts";
import { healthRoutes } from "./health.ts";
import { identifyRoutes } from "./identify.ts";
import { openApiRoutes } from "./openapi.ts";
import { pageScriptRoutes } from "./page-script.ts";
import { partnerRoutes } from "./partners.ts";
import { pixelSyncRoutes } from "./pixel-sync.ts";
import { syncPixelsRoutes } from "./sync-pixels.ts";

/** All routes as one hono application. */
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
  app.route("/", pageScriptRoutes());
  app.route("/", syncPixelsRoutes(services));
  app.route("/", auctionRoutes(services));
  app.route("/", deletionRoutes(services));
  return app;
}

/** Creates the handler of all routes. */
export function createApp(services: Services): App {
  return answering(services, serviceRoutes(services));
}
