/**
 * Prints how many bytes of heap one request takes, by kind. The process has to be started with so much room for young
 * objects that nothing is collected on the way, and with the garbage collector exposed.
 * @module
 */
import process from "node:process";
import { testService, VISITOR } from "../../support/service.ts";

const REQUESTS = 4000;

/** Every promise that is handed over is settled when its turn comes: nothing waits here. */
const background = { waitUntil() {} };
const { service, ask } = testService();
const id = (await ask("/")).headers.get("x-ts-ec")!;
const page = new Response("the page");

/** Requests are made beforehand: what they take is the host's. */
const requests = (headers: Record<string, string>) =>
  Array.from({ length: REQUESTS }, () => {
    const request = new Request("https://publisher.example/", { headers });
    // What the host makes of them when they are first read is its own, too.
    request.headers.get("cookie");
    return request;
  });

function bytesEach(headers: Record<string, string>, country: string | null): number {
  const client = { ...VISITOR, country };
  const handle = () => page;
  // Until the code is compiled it leaves garbage of its own.
  for (const request of requests(headers)) service.respond(request, client, background, handle);
  const made = requests(headers);
  globalThis.gc!();
  const before = process.memoryUsage().heapUsed;
  for (const request of made) service.respond(request, client, background, handle);
  return Math.round((process.memoryUsage().heapUsed - before) / REQUESTS);
}

console.log(
  JSON.stringify({
    returning: bytesEach({ cookie: `theme=dark; ts-ec=${id}` }, "JP"),
    "no consent": bytesEach({}, "DE"),
    "no jurisdiction": bytesEach({ cookie: `ts-ec=${id}` }, null),
  }),
);
process.exit(0);
