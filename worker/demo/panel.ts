/**
 * The routes of the panel, under `/_demo/`: its files, the stream of what happens, and starting over.
 * @module
 */
import { Hono } from "hono";
import { deleteCookieHeader } from "../../runtime/ec/cookie.ts";
import type { Graph } from "../../runtime/ec/graph.ts";
import { SIGNAL_COOKIES } from "../../runtime/ec/signals.ts";
import { readFiles } from "./files.ts";
import { PLACE_COOKIE, placeOf } from "./places.ts";
import { takeSnapshot } from "./snapshot.ts";
import type { Visitor, Visitors } from "./visitors.ts";

/** Where all of it lies. */
export const PANEL_PATH = "/_demo/";

/** Something goes over the wire this often, so that neither side takes a quiet stream for a dead one. */
const HEARTBEAT_MS = 5_000;

/** The panel's side of the server. */
export interface Panel {
  answer(request: Request, graph: Graph): Response | Promise<Response>;
  /** Ends every stream: a server that waits for its connections to end would wait for them for ever. */
  close(): void;
}

/** @param domain of the id's cookie. */
export function createPanel(visitors: Visitors, domain: string): Panel {
  const files = readFiles("./panel/", ["panel.css", "panel.js"]);
  const streams = new Set<() => void>();

  /** Sends a snapshot now and after every change; changes that come while one is being taken share the next. */
  function stream(visitor: Visitor, place: string, graph: Graph): Response {
    let end = () => {};
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        let isStale = false;
        let isTaking = false;
        let isOpen = true;
        const send = (text: string) => {
          if (isOpen) controller.enqueue(encoder.encode(text));
        };
        const update = async () => {
          isStale = true;
          if (isTaking) return;
          isTaking = true;
          while (isStale && isOpen) {
            isStale = false;
            send(`data: ${JSON.stringify(await takeSnapshot(visitor, place, graph))}\n\n`);
          }
          isTaking = false;
        };
        const heartbeat = setInterval(() => send(":\n\n"), HEARTBEAT_MS);
        end = () => {
          isOpen = false;
          clearInterval(heartbeat);
          visitor.watchers.delete(update);
          streams.delete(close);
        };
        const close = () => {
          end();
          controller.close();
        };
        visitor.watchers.add(update);
        streams.add(close);
        update();
      },
      cancel: () => end(),
    });
    return new Response(body, {
      headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" },
    });
  }

  const app = new Hono<{ Bindings: { graph: Graph } }>().basePath(PANEL_PATH);
  app.get("/events", (c) => {
    const visitor = visitors.of(c.req.raw.headers);
    // 204 tells a browser not to try again.
    return visitor === null
      ? c.body(null, 204)
      : stream(visitor, placeOf(c.req.raw.headers).key, c.env.graph);
  });
  app.post("/reset", async (c) => {
    const visitor = visitors.of(c.req.raw.headers);
    if (visitor !== null) {
      const ids = [visitor.id, visitor.withdrawnId].filter((id) => id !== null);
      await Promise.all(ids.map((id) => c.env.graph.delete(id)));
      visitors.forget(visitor);
    }
    for (const name of [...SIGNAL_COOKIES, PLACE_COOKIE]) {
      c.header("set-cookie", `${name}=; Path=/; SameSite=Lax; Max-Age=0`, { append: true });
    }
    c.header("set-cookie", deleteCookieHeader(domain), { append: true });
    return c.body(null, 204);
  });
  app.get("/:name", (c) => files(c.req.param("name")) ?? c.notFound());

  return {
    answer: (request, graph) => app.fetch(request, { graph }),
    close() {
      for (const close of [...streams]) close();
    },
  };
}
