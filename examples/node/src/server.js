import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { ecOf, edgeCookie } from "millrace";
import { options } from "./options.js";

// Your site. `ecOf` returns what the service knows of a request.
const site = new Hono().get("/", (c) => c.text(`your id: ${ecOf(c)?.activeId}\n`));

const handler = edgeCookie(options(process.env))((request, env) => site.fetch(request, env));
const server = serve({ fetch: handler, port: Number(process.env.PORT ?? 8787) }, ({ port }) =>
  console.log(`listening on http://127.0.0.1:${port}`),
);

// Finishes requests in flight, then closes the store.
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => server.close(() => handler.close()));
}
