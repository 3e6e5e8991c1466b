// A request that is passed on has one end: it is answered or abandoned, once.
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "../../../../../runtime/observe/log.ts";
import { createPropagation } from "../../../../../runtime/observe/tracer.ts";
import type { Passage } from "../../../../../worker/http/proxy/passage.ts";
import { createProxy } from "../../../../../worker/http/proxy/proxy.ts";
import { serveHttp } from "../../../../../worker/http/server.ts";
import { ask, open } from "../../../../support/raw-http.ts";

const clock = {
  now: Date.now,
  after(delayMs: number, callback: () => void) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
const log = createLog({ level: "silent", write() {}, clock });

/** Calls of the passages so far. */
let calls: string[];
let answered: Passage["answered"];
let handle: (response: ServerResponse) => void;
let where: { host: string; port: number };
let close: () => Promise<void>;

beforeEach(async () => {
  calls = [];
  answered = (_, fields) => fields;
  handle = (response) => void response.end("the page");
  const origin = createServer((_, response) => handle(response)).listen(0, "127.0.0.1");
  await once(origin, "listening");
  const proxy = createProxy({
    origin: `http://127.0.0.1:${(origin.address() as AddressInfo).port}`,
    originHost: null,
    defaultHost: "site.example",
    timeoutMs: 5000,
    clock,
    log,
    tracer: createPropagation({ fill: (bytes) => crypto.getRandomValues(bytes) }),
    isOwnField: () => false,
    clientOf: (_, peer) => ({ ip: peer, protocol: "http" }),
    isForOrigin: () => true,
    admit() {
      calls.push("begun");
      return {
        answered(status, fields) {
          calls.push(`answered ${status}`);
          return answered(status, fields);
        },
        replaced(fields) {
          calls.push("replaced");
          return fields;
        },
        abandoned: () => void calls.push("abandoned"),
      };
    },
  });
  const handler = () => new Response("not the origin's", { status: 404 });
  const server = await serveHttp([{ handler, proxy }], { host: "127.0.0.1", port: 0 }, log);
  const { hostname, port } = new URL(server.url);
  where = { host: hostname, port: Number(port) };
  close = async () => {
    await server.close(100);
    origin.closeAllConnections();
    origin.close();
  };
});
afterEach(() => close());

const GET = "GET / HTTP/1.1\r\nHost: site.example\r\n\r\n";

test("an answer of the origin ends the passage once", async () => {
  expect((await ask(where, GET)).status).toBe(200);
  expect(calls).toEqual(["begun", "answered 200"]);
});

test("a refused method begins no passage", async () => {
  expect((await ask(where, "TRACE / HTTP/1.1\r\nHost: site.example\r\n\r\n")).status).toBe(501);
  expect(calls).toEqual([]);
});

test("an answer that cannot be sent on is replaced, and the passage is not answered twice", async () => {
  answered = (_, fields) => [...fields, "no field name", "x"];
  expect((await ask(where, GET)).status).toBe(502);
  expect(calls).toEqual(["begun", "answered 200", "replaced"]);
});

test("an origin that breaks the connection off ends the passage once, with 502", async () => {
  handle = (response) => void response.socket?.destroy();
  expect((await ask(where, GET)).status).toBe(502);
  expect(calls).toEqual(["begun", "answered 502"]);
});

test("a client that leaves before the answer abandons the passage", async () => {
  const arrived = new Promise<void>((resolve) => {
    handle = () => resolve();
  });
  const socket = open(where);
  socket.write(GET);
  await arrived;
  socket.destroy();
  await expect.poll(() => calls).toEqual(["begun", "abandoned"]);
});
