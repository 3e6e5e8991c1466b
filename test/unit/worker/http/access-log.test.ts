import { get, type OutgoingHttpHeaders } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LogFields } from "../../../../runtime/platform.ts";
import type { Server } from "../../../../worker/hosts/server.ts";
import { serveHttp } from "../../../../worker/http/server.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

describe("the access log", () => {
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const lines: LogFields[] = [];
  let written = (): void => {};
  let isOn = true;
  /** What the handler got. */
  let seen = new Headers();
  let server: Server;
  const log = {
    info(_message: string, fields: LogFields = {}) {
      lines.push(fields);
      written();
    },
  };
  beforeAll(async () => {
    const handler = (request: Request) => {
      seen = request.headers;
      return new Response(null, { status: new URL(request.url).pathname === "/gone" ? 410 : 200 });
    };
    const access = { isOn: () => isOn, log };
    server = await serveHttp([{ handler }], { host: "127.0.0.1", port: 0 }, silent, access);
  });
  afterAll(() => server.close(0));

  /** Asks, and waits for the line if there is one. */
  async function ask(path: string, headers: OutgoingHttpHeaders = {}): Promise<LogFields | undefined> {
    const before = lines.length;
    const line = isOn ? new Promise<void>((resolve) => (written = resolve)) : Promise.resolve();
    await new Promise((resolve, reject) => {
      get(server.url + path, { headers, agent: false }, (response) =>
        response.resume().on("end", resolve),
      ).on("error", reject);
    });
    await line;
    return lines[before];
  }

  test("has a line a request, without query", async () => {
    const headers = { "x-request-id": "from-the-balancer.1", traceparent: PARENT };
    expect(await ask("/gone?token=secret", headers)).toEqual({
      method: "GET",
      path: "/gone",
      status: 410,
      ms: expect.any(Number),
      requestId: "from-the-balancer.1",
      traceId: TRACE,
    });
  });

  test.each([undefined, "", "a b", "x".repeat(65), '"}', ["a", "b"]])(
    "replaces the request id %j, for the handler, too",
    async (given) => {
      const line = await ask("/", given === undefined ? {} : { "x-request-id": given });
      expect(line?.requestId).toMatch(/^[0-9a-f-]{36}$/);
      expect(seen.get("x-request-id")).toBe(line?.requestId);
      expect(line).not.toHaveProperty("traceId");
    },
  );

  test.each([
    [PARENT, PARENT, "a=b"],
    ["not-a-parent", null, null],
    [[PARENT, PARENT], null, null],
  ])("passes the traceparent %j on as %j", async (traceparent, passed, state) => {
    const line = await ask("/", { traceparent, tracestate: "a=b" });
    expect(line?.traceId).toBe(passed === null ? undefined : TRACE);
    expect([seen.get("traceparent"), seen.get("tracestate")]).toEqual([passed, state]);
  });

  test("is silent while it is off; the handler gets the ids", async () => {
    isOn = false;
    expect(await ask("/", { traceparent: "not-a-parent" })).toBeUndefined();
    isOn = true;
    expect(seen.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(seen.get("traceparent")).toBeNull();
  });
});
