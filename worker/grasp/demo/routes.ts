/**
 * The routes of the demonstration: its page, the page's files and stream, and the visitor's actions. None of them is a route
 * of the product.
 * @module
 */
import { type Context, Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { isLoopbackHost } from "../../../runtime/lib/addresses.ts";
import { readFiles } from "../../http/static-files.ts";
import { strictHeaders } from "../../http/strict-headers.ts";
import { lifePage } from "./page.ts";
import type { Stories } from "./stories.ts";
import { ACTIONS, type Action } from "./story.ts";
import { Streams } from "./streams.ts";

const SESSION_COOKIE = "grasp-demo-session";

/** The demonstration's routes. */
export interface Routes {
  answer(request: Request): Response | Promise<Response>;
  /** Ends every stream. */
  close(): void;
}

/** @param stories `fault`: why there can be none, for a person */
export function createRoutes(stories: Stories | { readonly fault: string }): Routes {
  const files = readFiles(new URL("./life/", import.meta.url), [
    "life.css",
    "life.js",
    "map.js",
    "elements.js",
    "icon.svg",
  ]);
  const streams = new Streams();
  const app = new Hono();
  app.use(strictHeaders());
  app.use(async (c, next) => {
    // A name that somebody else lets resolve to this machine.
    return isLoopbackHost(new URL(c.req.url).hostname) ? next() : c.text("ask 127.0.0.1\n", 421);
  });
  app.get("/life/:name", (c) => files(c.req.param("name")) ?? c.notFound());
  if ("fault" in stories) {
    const { fault } = stories;
    app.get("/", (c) => c.html(lifePage(fault), 503));
    return { answer: (request) => app.fetch(request), close: () => streams.close() };
  }

  const sessionOf = (c: Context) => getCookie(c, SESSION_COOKIE) ?? "";
  app.get("/", async (c) => {
    if (stories.of(sessionOf(c)) === null) {
      setCookie(c, SESSION_COOKIE, stories.newSession(), { path: "/", sameSite: "Strict", httpOnly: true });
    }
    return c.html(lifePage(null), 200, { "cache-control": "no-store" });
  });
  app.get("/events", async (c) => {
    const session = sessionOf(c);
    // 204 tells a browser not to reconnect.
    if (stories.of(session) === null) return c.body(null, 204);
    return streams.open(() => stories.of(session)!);
  });
  // A request from another site does not carry the cookie.
  app.post("/do/:action", async (c) => {
    const story = await stories.of(sessionOf(c));
    const action = actionOf(c.req.param("action"));
    if (story === null) return c.body(null, 403);
    if (action === null) return c.notFound();
    return c.body(null, (await story.perform(action)) ? 204 : 409);
  });
  app.post("/again/:action", async (c) => {
    const session = sessionOf(c);
    const action = actionOf(c.req.param("action"));
    if (stories.of(session) === null) return c.body(null, 403);
    if (action === null) return c.notFound();
    await stories.again(session, action);
    return c.body(null, 204);
  });
  return { answer: (request) => app.fetch(request), close: () => streams.close() };
}

function actionOf(text: string): Action | null {
  return ACTIONS.find((action) => action === text) ?? null;
}
