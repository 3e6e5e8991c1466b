import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FinishedSpan } from "../../../../runtime/observe/otlp.ts";
import { createRecorder } from "../../../../runtime/observe/recorder.ts";
import { host } from "../../../../worker/hosts/process/node.ts";
import type { Server } from "../../../../worker/hosts/server.ts";
import { serveHttp } from "../../../../worker/http/server.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT = "00f067aa0ba902b7";
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const spans: FinishedSpan[] = [];
let told = (): void => {};
let seen: Headers;
let server: Server;

beforeAll(async () => {
  const handler = (given: Request) => {
    seen = given.headers;
    return new Response(null, { status: new URL(given.url).pathname === "/broken" ? 500 : 200 });
  };
  const socket = { accepts: (path: string) => path.startsWith("/socket"), message() {} };
  const add = (span: FinishedSpan) => {
    spans.push(span);
    told();
  };
  const tracer = createRecorder({ random: host.random, clock: host.clock, add });
  const listen = { host: "127.0.0.1", port: 0 };
  server = await serveHttp([{ handler, socket }], listen, silent, undefined, tracer);
});
afterAll(() => server.close(0));

/** Makes a request, and waits for its span. */
async function spanOf(path: string, headers: Record<string, string>, method = "GET"): Promise<FinishedSpan> {
  const ended = new Promise<void>((resolve) => (told = resolve));
  const asked = request(server.url + path, { method, headers, agent: false });
  asked.on("upgrade", (_response, socket) => socket.destroy());
  asked.on("response", (response) => response.resume());
  asked.end();
  await ended;
  expect(spans).toHaveLength(1);
  return spans.pop()!;
}

test.each([
  ["/", "GET", "GET", 200, false],
  ["/broken?secret", "POST", "POST", 500, true],
  // A word of the client.
  ["/", "PROPFIND", "HTTP", 200, false],
] as const)(
  "the request %s by %s has a span %s with status %d",
  async (path, method, name, status, isError) => {
    const span = await spanOf(path, { traceparent: `00-${TRACE}-${CLIENT}-01` }, method);
    expect(span).toMatchObject({
      ...{ kind: "server", name, isError, parentSpanId: CLIENT },
      attributes: { "http.response.status_code": status },
    });
    expect(span.context.traceId).toBe(TRACE);
    expect(span.endedMs).toBeGreaterThanOrEqual(span.beganMs);
    // What the handler calls is below the server's span.
    expect(seen.get("traceparent")).toBe(`00-${TRACE}-${span.context.spanId}-01`);
    expect(JSON.stringify(span)).not.toContain("secret");
  },
);

test("a request without a usable traceparent begins a trace, without the tracestate that came", async () => {
  const span = await spanOf("/", { traceparent: "no-parent", tracestate: "a=b" });
  expect(span.parentSpanId).toBeNull();
  const { traceId, spanId } = span.context;
  expect([seen.get("traceparent"), seen.get("tracestate")]).toEqual([`00-${traceId}-${spanId}-01`, null]);
});

test.each([
  ["/socket", 101],
  ["/elsewhere", 404],
])("the span of the WebSocket %s ends with the handshake: %d", async (path, status) => {
  const fields = { "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };
  const span = await spanOf(path, { connection: "Upgrade", upgrade: "websocket", ...fields });
  expect(span).toMatchObject({ parentSpanId: null, attributes: { "http.response.status_code": status } });
});
