import { ecOf, edgeCookie } from "millrace";
import { options } from "./options.js";

// Your site. It sees what the service knows with `ecOf`.
const site = (request) => new Response(`your id: ${ecOf(request)?.activeId}\n`);

const handler = edgeCookie(options(Deno.env.toObject()))(site);
const server = Deno.serve(
  {
    port: Number(Deno.env.get("PORT") ?? 8787),
    onListen: ({ port }) => console.log(`listening on http://127.0.0.1:${port}`),
  },
  handler,
);

// Finishes what is under way, then closes the store.
for (const signal of ["SIGINT", "SIGTERM"]) {
  Deno.addSignalListener(signal, async () => {
    await server.shutdown();
    await handler.close();
    Deno.exit();
  });
}
