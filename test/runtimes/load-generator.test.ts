import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  findGenerator,
  type GeneratorName,
  generate,
  percentilesOf,
  readOha,
  readWrk,
} from "../support/load-generator.ts";

let server: Server;
let url: string;

beforeAll(async () => {
  // Answers only to what the generators were asked to send.
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      const isRight =
        request.method === "POST" && request.headers["x-who"] === 'a "b" \\c' && body === "{}\n";
      response.writeHead(request.url === "/moved" ? 302 : isRight ? 200 : 400).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** autocannon is always there; wrk and oha where they are installed. */
const here = [...new Set<GeneratorName>(["autocannon", findGenerator()])];

test.each(here)("%s sends the given request and counts rejections", async (generator) => {
  const load = { url, connections: 2, durationMs: 1000 };
  const right = { method: "POST", headers: { "x-who": 'a "b" \\c' }, body: "{}\n" };
  const good = await generate({ ...load, ...right }, generator);
  expect(good).toMatchObject({ generator, errors: 0 });
  expect(good.requests).toBeGreaterThan(0);
  expect(good.p50Ms).toBeGreaterThan(0);
  expect(good.p50Ms).toBeLessThanOrEqual(good.p99Ms);
  const bad = await generate(load, generator);
  expect(bad.requests).toBeGreaterThan(0);
  expect(bad.errors).toBe(bad.requests);
  const moved = await generate({ ...load, url: `${url}moved` }, generator);
  expect(moved.requests).toBeGreaterThan(0);
  expect(moved.errors).toBe(0);
});

test("percentiles of counts do not depend on their order", () => {
  const counts = new Map([
    [4, 1],
    [0.25, 50],
    [0.5, 49],
  ]);
  expect(percentilesOf(counts, [0.5, 0.9, 0.99, 1])).toEqual([0.25, 0.5, 0.5, 4]);
  expect(percentilesOf(new Map(), [0.5])).toEqual([0]);
});

test("reads the output of wrk's script", () => {
  const output = "Running 1s test @ http://127.0.0.1:1/\n  1 threads\nfigures 43272 3 1099695 87 555 4972\n";
  expect(readWrk(output)).toEqual({
    requests: 43272,
    errors: 3,
    seconds: 1.099695,
    p50Ms: 0.087,
    p90Ms: 0.555,
    p99Ms: 4.972,
  });
  expect(() => readWrk("unable to connect")).toThrow("wrk reported nothing that can be read");
});

test("reads oha's report, without the requests cut off at the end as errors", () => {
  const output = JSON.stringify({
    summary: { total: 1.5, successRate: 1 },
    latencyPercentiles: { p50: 0.25, p90: 0.5, p99: 0.75 },
    statusCodeDistribution: { 200: 60, 304: 5, 503: 2 },
    errorDistribution: { "aborted due to deadline": 4, "connection closed": 1 },
  });
  expect(readOha(output)).toEqual({
    requests: 67,
    errors: 3,
    seconds: 1.5,
    p50Ms: 250,
    p90Ms: 500,
    p99Ms: 750,
  });
});
