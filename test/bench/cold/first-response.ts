/**
 * Prints how many milliseconds pass from the first import to the first response, in a process that has done nothing
 * before. Arguments: the runtime, then `millrace` (the package as it is published, with its default store) or `hono`.
 * @module
 */
export {}; // Without static imports, whose time would not be counted.

declare const Deno: { args: string[] } | undefined;
const [runtime, what, database] = typeof Deno === "undefined" ? process.argv.slice(2) : Deno.args;
const request = () =>
  new Request("http://publisher.example/", {
    headers: { "x-ip": "203.0.113.1", "x-country": "JP", cookie: `ts-ec=${"0".repeat(64)}.Abc123` },
  });

async function millrace(): Promise<Response> {
  const { edgeCookie } = await import(`../../../dist/worker/entries/${runtime}.js`);
  const wrap = edgeCookie({
    publisher: { domain: "publisher.example" },
    passphrases: ["publisher-chosen-secret"],
    client: { ipHeader: "x-ip", countryHeader: "x-country" },
    store: `sqlite:${database}`,
  });
  return wrap(() => new Response("page"))(request());
}

async function hono(): Promise<Response> {
  const { Hono } = await import("hono");
  return new Hono().get("/", (c) => c.text("page")).fetch(request());
}

const began = performance.now();
const response = await (what === "millrace" ? millrace() : hono());
const body = await response.text();
const took = performance.now() - began;
if (body !== "page") throw new Error(`${what} answered ${response.status} ${body}`);
console.log(took);
setTimeout(() => process.exit(0));
