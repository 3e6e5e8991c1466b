/** The HTTP server on this runtime: its stop, and answers that it cannot send. */
import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import type { FieldsByName } from "../../../../worker/hosts/server.ts";
import { maxConnectionsOf, serveHttp } from "../../../../worker/http/server.ts";
import { ask } from "../../../support/raw-http.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const BYTES = 16 * 1024 ** 2;

test("a response that was begun is finished while the server stops, although its end is written", async () => {
  const handler = async () => new Response(new Uint8Array(BYTES));
  const server = await serveHttp([{ handler }], { host: "127.0.0.1", port: 0 }, silent);
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nhost: a.example\r\n\r\n");
  const [first] = (await once(socket, "data")) as [Buffer];
  // The client takes no more until the server looked for idle connections.
  socket.pause();
  const closed = server.close(20_000);
  await new Promise((resolve) => setTimeout(resolve, 200));
  let bytes = first.length;
  socket.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const gone = once(socket, "close");
  socket.resume();
  await gone;
  await closed;
  expect(bytes).toBeGreaterThanOrEqual(BYTES);
});

test("an answer with a field that cannot be sent becomes a 500, and the next request is answered", async () => {
  const errors: string[] = [];
  const log = { ...silent, error: (message: string) => void errors.push(message) };
  const handler = (request: Request) =>
    new Response("page", { headers: request.url.endsWith("/bad") ? { "x-own": "a\nb" } : {} });
  const server = await serveHttp([{ handler }], { host: "127.0.0.1", port: 0 }, log);
  try {
    const bad = await fetch(`${server.url}/bad`);
    expect([bad.status, await bad.text(), bad.headers.has("x-own")]).toEqual([500, "", false]);
    const good = await fetch(server.url);
    expect([good.status, await good.text()]).toEqual([200, "page"]);
    expect(errors).toHaveLength(1);
  } finally {
    await server.close(1000);
  }
});

test.each([
  [1024, true, 480],
  [1024, false, 720],
  [13_398, false, 10_000],
  [10, true, 1],
])(
  "of %i descriptors, with an origin: %s, clients have at most %i connections",
  (descriptors, hasOrigin, expected) => {
    expect(maxConnectionsOf(descriptors, hasOrigin)).toBe(expected);
  },
);

test("a handler that takes fields is given those of the request, its id among them, and makes no Headers", async () => {
  const given: (string | null)[][] = [];
  const handler = Object.assign(() => new Response("without fields"), {
    withFields(request: Request, fields: FieldsByName) {
      Object.defineProperty(request, "headers", {
        get() {
          throw new Error("the headers were read");
        },
      });
      given.push(["cookie", "x-own", "x-absent"].map((name) => fields.get(name)));
      expect(fields.get("x-request-id")).toMatch(/^[\w-]{36}$/);
      return new Response("with fields");
    },
  });
  const server = await serveHttp([{ handler }], { host: "127.0.0.1", port: 0 }, silent);
  try {
    const answer = await ask(
      { port: Number(new URL(server.url).port), host: "127.0.0.1" },
      "GET / HTTP/1.1\r\nhost: a.example\r\nCookie: a=1\r\nX-Own: one\r\ncookie: b=2\r\nx-own: two\r\nconnection: close\r\n\r\n",
    );
    expect([answer.status, answer.body]).toEqual([200, "with fields"]);
    expect(given).toEqual([["a=1; b=2", "one, two", null]]);
  } finally {
    await server.close(1000);
  }
});
