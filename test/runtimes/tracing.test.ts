// The ids of a request reach the origin, partners and every line of the log that the request causes.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configFile } from "../support/config-file.ts";
import { behaviours, type PartnerServer, startPartnerServer } from "../support/partner-server.ts";
import { type ProcessRuntime, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";
import { eventually, scenarioConfig } from "./target.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT_SPAN = "00f067aa0ba902b7";

type Line = Record<string, unknown>;

/** What this test reads of OTLP's JSON. */
interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
}
interface ResourceSpans {
  scopeSpans: { spans: OtlpSpan[] }[];
}

describe.each<ProcessRuntime>(["node", "bun", "deno"])("requests to %s", (runtime) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-"));
  const seen: { url: string; headers: IncomingHttpHeaders }[] = [];
  let origin: Server;
  let partner: PartnerServer;
  let server: RunningProgram;
  let collector: Server;
  /** A server with that collector. */
  let traced: RunningProgram;
  const batches: { url: string; headers: IncomingHttpHeaders }[] = [];
  const spans: OtlpSpan[] = [];

  beforeAll(async () => {
    origin = createServer(({ url = "", headers }, response) => {
      seen.push({ url, headers });
      if (url !== "/breaks-off") return void response.end("the page");
      response.writeHead(200, { "content-length": "100" });
      response.write("the begin", () => response.destroy());
    });
    origin.on("upgrade", ({ url = "", headers }, socket) => {
      seen.push({ url, headers });
      socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    });
    await once(origin.listen(0, "127.0.0.1"), "listening");
    partner = await startPartnerServer(behaviours.broken);
    const config = join(folder, "config.json");
    writeFileSync(
      config,
      JSON.stringify(
        configFile({
          ...scenarioConfig(`http://127.0.0.1:${(origin.address() as AddressInfo).port}`),
          listen: { port: 0 },
          store: "memory:",
          log: { level: "debug", access: true },
          partners: [
            {
              id: "one",
              pullSyncEnabled: true,
              pullSyncUrl: partner.url,
              pullSyncAllowedDomains: [new URL(partner.url).hostname],
              pullToken: "token-of-one",
            },
          ],
        }),
      ),
    );
    collector = createServer(async (request, response) => {
      const body = JSON.parse(await text(request)) as { resourceSpans: ResourceSpans[] };
      batches.push({ url: request.url!, headers: request.headers });
      spans.push(...body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((each) => each.spans)));
      response.end("{}");
    });
    await once(collector.listen(0, "127.0.0.1"), "listening");
    traced = await spawnServer(runtime, ["worker/cli/main.ts", "serve", "--config", config], {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_HEADERS: "x-key=key-of-the-collector",
    });
    server = await spawnServer(runtime, ["worker/cli/main.ts", "serve", "--config", config]);
  });

  afterAll(async () => {
    await server?.stop();
    await traced?.stop();
    collector?.close();
    await partner?.close();
    origin?.closeAllConnections();
    origin?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const lines = (): Line[] =>
    server
      .log()
      .split("\n")
      .flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as Line] : []));
  /** Waits for a line of the log. */
  const line = (what: string, isIt: (line: Line) => boolean) =>
    eventually(what, async () => lines().find(isIt));
  const visit = async (path: string, headers: Record<string, string>) => {
    const response = await fetch(server.url + path, {
      headers: { "x-test-ip": "203.0.113.7", "x-test-country": "JP", ...headers },
    });
    await response.text().catch(() => {});
  };

  test("the origin and the pull have its ids, each with a parent-id of its own", async () => {
    const traceparent = `00-${TRACE}-${CLIENT_SPAN}-01`;
    await visit("/first", { "x-request-id": "first", traceparent });
    const [pull] = await eventually("the pull", async () =>
      partner.pulls.length > 0 ? partner.pulls : undefined,
    );
    const page = seen.find(({ url }) => url === "/first")!;
    const both = [page.headers, pull!.headers];
    expect(both.map((headers) => headers["x-request-id"])).toEqual(["first", "first"]);
    const parents = both.map((headers) => String(headers.traceparent));
    for (const parent of parents) expect(parent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
    expect(new Set([traceparent, ...parents]).size).toBe(3);
    // The pull failed, after the answer.
    const failed = await line("the failed pull", ({ event }) => event === "fetch-ended");
    expect(failed).toMatchObject({ level: "warn", requestId: "first", traceId: TRACE });
  });

  test("a fault of the origin names the request that met it, on a connection that another one opened", async () => {
    await visit("/second", { "x-request-id": "second" });
    await visit("/breaks-off", { "x-request-id": "third" });
    const fault = await line("the fault", ({ message }) => message === "the origin broke off an answer");
    expect(fault).toMatchObject({ level: "warn", requestId: "third" });
    expect(fault).not.toHaveProperty("traceId");
  });

  test("a WebSocket has a line with the status of its answer", async () => {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {}).resume();
    socket.write(
      "GET /socket?secret HTTP/1.1\r\nHost: site.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    const found = await line("the line", ({ path }) => path === "/socket");
    expect(found).toMatchObject({ message: "request", method: "GET", status: 403 });
    const upgrade = seen.find(({ url }) => url.startsWith("/socket"))!;
    expect(upgrade.headers["x-request-id"]).toBe(found.requestId);
    socket.destroy();
  });

  test("a collector gets the spans of a page, its origin and its pull, and the last of them when the process stops", async () => {
    partner.pulls.length = 0;
    const page = async (path: string, headers: Record<string, string>) => {
      const given = { "x-test-ip": "203.0.113.8", "x-test-country": "JP", ...headers };
      await (await fetch(traced.url + path, { headers: given })).text();
    };
    await page("/traced", { traceparent: `00-${TRACE}-${CLIENT_SPAN}-01` });
    const [pull] = await eventually("the pull", async () =>
      partner.pulls.length > 0 ? partner.pulls : undefined,
    );
    await eventually("the spans", async () => (spans.length >= 3 ? spans : undefined));
    const named = (name: string) => spans.find((span) => span.name === name && span.traceId === TRACE)!;
    const [answer, origin, asked] = [named("GET"), named("origin"), named("pull")];
    expect([answer, origin, asked]).toMatchObject([
      { kind: 2, parentSpanId: CLIENT_SPAN },
      { kind: 3, parentSpanId: answer.spanId },
      { kind: 3, parentSpanId: answer.spanId },
    ]);
    const { headers } = seen.find(({ url }) => url === "/traced")!;
    expect(headers.traceparent).toBe(`00-${TRACE}-${origin.spanId}-01`);
    expect(pull!.headers.traceparent).toBe(`00-${TRACE}-${asked.spanId}-01`);
    expect(batches[0]).toMatchObject({ url: "/v1/traces", headers: { "x-key": "key-of-the-collector" } });

    spans.length = 0;
    await page("/not-recorded", { traceparent: `00-${TRACE}-${CLIENT_SPAN}-00` });
    await page("/begins-a-trace", {});
    expect(await traced.stop()).toBe(0);
    const begun = spans.filter(({ name }) => name === "GET");
    expect(begun).toHaveLength(1);
    expect(begun[0]).not.toHaveProperty("parentSpanId");
    expect(begun[0]!.traceId).not.toBe(TRACE);
    for (const secret of ["203.0.113", "begins-a-trace", "key-of-the-collector"])
      expect(JSON.stringify(spans)).not.toContain(secret);
    expect(traced.log()).not.toContain("key-of-the-collector");
  });

  test("what no request caused names none", () => {
    const started = lines().find(({ message }) => message === "listening")!;
    expect(started).not.toHaveProperty("requestId");
  });
});
