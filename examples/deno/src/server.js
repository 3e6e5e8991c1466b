import { ecOf, edgeCookie } from "millrace";
import { options } from "./options.js";

// Your site. `ecOf` returns what the service knows of a request.
const site = (request) => new Response(`your id: ${ecOf(request)?.activeId}\n`);

const handler = edgeCookie(options(Deno.env.toObject()))(site);
const server = Deno.serve(
  {
    port: Number(Deno.env.get("PORT") ?? 8787),
    onListen: ({ port }) => console.log(`listening on http://127.0.0.1:${port}`),
  },
  handler,
);

// Finishes requests in flight, then closes the store.
for (const signal of ["SIGINT", "SIGTERM"]) {
  Deno.addSignalListener(signal, async () => {
    await server.shutdown();
    await handler.close();
    Deno.exit();
  });
}
