/**
 * One site on a server of `node:http`, with the framework that the first argument names. Run by `adapters.test.ts`.
 * @module
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import express from "express";
import fastify from "fastify";
import { nodeListener, nodeMiddleware } from "../../worker/ec/adapters/node-http.ts";

/** The entry that `import "millrace"` leads to on this runtime. */
const entryHere = () =>
  "Deno" in globalThis
    ? import("../../worker/entries/deno.ts")
    : "Bun" in globalThis
      ? import("../../worker/entries/bun.ts")
      : import("../../worker/entries/node.ts");

const { ecOf, edgeCookie } = await entryHere();
const ec = edgeCookie({
  publisher: { domain: "publisher.example" },
  passphrases: ["publisher-chosen-secret"],
  consent: { assumeCountry: "JP" },
  store: "memory:",
});
const said = (port: number) => console.log(`millrace listening on http://127.0.0.1:${port}`);
const PARTS = ["one ", "two"];

switch (process.argv[2]) {
  case "express": {
    const app = express();
    app.use(nodeMiddleware(ec));
    app.get("/", (req, res) => res.send(`${ecOf(req)?.activeId}`));
    app.get("/stream", (_req, res) => {
      for (const part of PARTS) res.write(part);
      res.end();
    });
    app.post("/echo", express.text(), (req, res) => res.type("text").send(req.body));
    const server = app.listen(0, "127.0.0.1", () => said((server.address() as AddressInfo).port));
    break;
  }
  case "fastify": {
    const app = fastify();
    const identity = nodeMiddleware(ec);
    app.addHook("onRequest", (request, reply, next) => identity(request.raw, reply.raw, next));
    app.get("/", async (request) => `${ecOf(request.raw)?.activeId}`);
    app.get("/stream", (_request, reply) => reply.send(new Blob(PARTS).stream()));
    app.post("/echo", async (request, reply) => reply.type("text/plain").send(request.body));
    await app.listen({ port: 0, host: "127.0.0.1" });
    said((app.server.address() as AddressInfo).port);
    break;
  }
  default: {
    const handler = ec(async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/stream") return new Response(new Blob(PARTS).stream());
      if (pathname === "/echo") return new Response(await request.text());
      return new Response(`${ecOf(request)?.activeId}`);
    });
    const server = createServer(nodeListener(handler)).listen(0, "127.0.0.1", () =>
      said((server.address() as AddressInfo).port),
    );
  }
}
