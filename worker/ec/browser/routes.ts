/**
 * The routes that a visitor's device uses. The others are for servers, and would make the script that every visitor loads
 * half as long again.
 * @module
 */
import { Hono } from "hono";
import { answering } from "../app.ts";
import { auctionRoutes } from "../routes/auction.ts";
import { deletionRoutes } from "../routes/deletion.ts";
import { identifyRoutes } from "../routes/identify.ts";
import { pageScriptRoutes } from "../routes/page-script.ts";
import { pixelSyncRoutes } from "../routes/pixel-sync.ts";
import { syncPixelsRoutes } from "../routes/sync-pixels.ts";
import type { App, RouteBindings, Services } from "../services.ts";

/** Creates the app with these routes. */
export function createApp(services: Services): App {
  const app = new Hono<RouteBindings>();
  for (const routes of [
    pixelSyncRoutes,
    identifyRoutes,
    auctionRoutes,
    pageScriptRoutes,
    syncPixelsRoutes,
    deletionRoutes,
  ]) {
    app.route("/", routes(services));
  }
  return answering(services, app);
}
