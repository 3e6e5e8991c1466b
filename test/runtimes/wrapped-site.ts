/**
 * A program of one's own, with a wrapped site: each path answers with another kind of body. Run by `wrapped.test.ts`.
 * @module
 */
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { createEdgeCookie } from "../../worker/ec/edge-cookie.ts";
import { edgeCookieMiddleware } from "../../worker/ec/hono.ts";
import { loadAllRoutes } from "../../worker/ec/routes/load.ts";
import { ecOf } from "../../worker/ec/service.ts";
import { entryHere } from "../../worker/hosts/process/here.ts";

const entry = await entryHere();
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const ec = createEdgeCookie(
  entry.host,
  loadAllRoutes,
)({
  publisher: { domain: "publisher.example" },
  passphrases: ["publisher-chosen-secret"],
  consent: { assumeCountry: "JP" },
  store: "memory:",
  log: silent,
});

/** One response for all who ask; it has no body, so that it can be sent again and again. */
const shared = new Response(null, { status: 404 });
/** One page for all who ask, of which each gets a copy. */
const page = new Response("the page");

let state = { pulled: 0, cancelled: 0 };

/** A body without an end. */
function endless(): ReadableStream<Uint8Array> {
  state = { pulled: 0, cancelled: 0 };
  return new ReadableStream({
    async pull(controller) {
      state.pulled++;
      controller.enqueue(new Uint8Array(65_536));
      await new Promise((resolve) => setTimeout(resolve, 1));
    },
    cancel() {
      state.cancelled++;
    },
  });
}

function form(): FormData {
  const data = new FormData();
  data.append("field", "value");
  return data;
}

const bodies: Record<string, () => Response> = {
  "/text": () => new Response("text"),
  "/text-and-cookie": () => new Response("text", { headers: { "set-cookie": "own=1", "x-own": "1" } }),
  "/html": () => new Response("<p>", { headers: { "content-type": "text/html" } }),
  "/untyped-blob": () => new Response(new Blob(["blob"])),
  "/blob": () => new Response(new Blob(["blob"], { type: "image/x-own" })),
  "/parameters": () => new Response(new URLSearchParams({ a: "b" })),
  "/form": () => new Response(form()),
  "/bytes": () => new Response(new Uint8Array([1, 2, 3])),
  "/stream": () => new Response(new Blob(["streamed"]).stream()),
  "/json": () => Response.json({ a: 1 }),
  "/teapot": () => new Response("short and stout", { status: 418 }),
  "/none": () => new Response(null, { status: 204 }),
  "/shared": () => shared,
  "/page": () => page.clone(),
  "/endless": () => new Response(endless()),
};

const app = new Hono()
  .use(edgeCookieMiddleware(ec))
  .get("/hono/text", (c) => c.body("text"))
  .use(bodyLimit({ maxSize: 1000 }))
  .post("/hono/limited", async (c) =>
    c.json([ecOf(c)?.activeId, ecOf(c.req.raw)?.activeId, await c.req.text()]),
  );

const site = ec((request: Request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/state") return Response.json(state);
  return bodies[pathname]!();
});

const handler = (request: Request, ...host: unknown[]) =>
  new URL(request.url).pathname.startsWith("/hono/")
    ? app.fetch(request, host[0] as object)
    : site(request, ...host);

/** Serves as programs of one's own do on each runtime, with the runtime's own server. */
async function serve(): Promise<number> {
  const hostname = "127.0.0.1";
  const { Bun, Deno } = globalThis as {
    Bun?: { serve(options: object): { port: number } };
    Deno?: { serve(options: object, handler: unknown): { addr: { port: number } } };
  };
  if (Bun !== undefined) return Bun.serve({ hostname, port: 0, fetch: handler }).port;
  if (Deno !== undefined) return Deno.serve({ hostname, port: 0, onListen() {} }, handler).addr.port;
  const { serve: serveOnNode } = await import("@hono/node-server");
  return new Promise((resolve) =>
    serveOnNode({ hostname, port: 0, fetch: handler }, ({ port }) => resolve(port)),
  );
}

console.log(`millrace listening on http://127.0.0.1:${await serve()}`);
