import { ecOf, edgeCookie } from "millrace";
import { options } from "./options.js";

// Your site. `ecOf` returns what the service knows of a request.
const site = (request) => new Response(`your id: ${ecOf(request)?.activeId}\n`);

const handler = edgeCookie(options(process.env))(site);
const server = Bun.serve({ port: process.env.PORT ?? 8787, fetch: handler });
console.log(`listening on http://127.0.0.1:${server.port}`);

// Finishes requests in flight, then closes the store.
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await server.stop();
    await handler.close();
  });
}
