/**
 * The site behind the demonstration: a small local newspaper. It knows nothing about ids.
 * @module
 */
import { Hono } from "hono";
import { readFiles } from "../../http/static-files.ts";
import { strictHeaders } from "../../http/strict-headers.ts";
import { layout } from "./gazette/layout.ts";
import { lost, pages } from "./gazette/pages.ts";

/** Creates the newspaper's fetch handler. */
export function createGazette(): (request: Request) => Response | Promise<Response> {
  const assets = readFiles(new URL("./site/", import.meta.url), [
    "gazette.css",
    "consent.js",
    "consent-strings.js",
    "advert.js",
    "prebid.js",
    "icon.svg",
  ]);
  const app = new Hono();
  // The demonstration tells the advertisement's requests from others by the page that they come from.
  app.use(strictHeaders({ referrerPolicy: "same-origin" }));
  app.get("/assets/:name", (c) => assets(c.req.param("name")) ?? c.notFound());
  // A real publisher records each choice as proof. Here only the request matters: it carries the new cookies.
  app.post("/consent", (c) => c.body(null, 204));
  for (const page of pages.values()) {
    app.get(page.path, (c) => c.html(layout(page), 200, { "cache-control": "no-cache" }));
  }
  app.notFound((c) => c.html(layout(lost), 404));
  return (request) => app.fetch(request);
}
