import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import { decideFinalization } from "../../../../runtime/ec/finalize.ts";
import { localLimiter } from "../../../../runtime/limiters/local.ts";
import type { RateLimiter } from "../../../../runtime/platform.ts";
import { createHotPath } from "../../../../wasm/hotpath.ts";
import { inlineKernels } from "../../../../wasm/inline.ts";
import { ecOf, visitOf } from "../../../../worker/ec/request-context.ts";
import { edgeCookie } from "../../../../worker/entries/node.ts";
import { type TestServiceOptions, testService, VISITOR } from "../../../support/service.ts";

// Test files of one worker share modules. This file loads them again with its spies, and so does the file after it.
vi.hoisted(() => vi.resetModules());
afterAll(() => void vi.resetModules());
vi.mock("../../../../runtime/ec/finalize.ts", { spy: true });
const decided = vi.mocked(decideFinalization);

const background = { waitUntil() {} };
const random = { fill: (target: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(target) };

function setUp(options: TestServiceOptions = {}) {
  const t = testService(options);
  const begin = (headers: Record<string, string> = {}, country: string | null = "JP") =>
    t.service.begin(
      { method: "GET", headers: new Headers(headers) },
      "organic",
      { ...VISITOR, country },
      background,
    );
  return Object.assign(t, { begin });
}

describe("the context of a request", () => {
  test("a minted id makes a new value and leaves the earlier one as it was", async () => {
    let admit = () => {};
    const limiter = (clock: Parameters<typeof localLimiter>[1]): RateLimiter => {
      const local = localLimiter(createHotPath(inlineKernels(), { random, maxKeys: 1000 }), clock);
      return {
        ...local,
        take: (...args) =>
          new Promise((resolve) => {
            admit = () => resolve(local.take(...args));
          }),
      };
    };
    const t = setUp({ limiter });
    const request = new Request("https://publisher.example/");
    const seen: (string | null | undefined)[] = [];
    const answer = t.service.respond(request, VISITOR, background, () => {
      seen.push(ecOf(request)?.activeId);
      return new Response("the page");
    });
    const before = ecOf(request)!;
    expect([before.activeId, before.ecGenerated]).toEqual([null, false]);
    admit();
    const id = (await answer).headers.get("x-ts-ec");
    expect(id).toMatch(/^[0-9a-f]{64}\./);
    expect(seen).toEqual([id]);
    expect([before.activeId, before.ecGenerated]).toEqual([null, false]);
    expect(ecOf(request)).toMatchObject({ activeId: id, ecGenerated: true });
  });

  test("a handler reads the id that was minted for its request", async () => {
    const t = setUp();
    const request = new Request("https://publisher.example/");
    const response = await t.service.respond(request, VISITOR, background, () =>
      Response.json(ecOf(request)?.activeId),
    );
    expect(await response.json()).toBe(response.headers.get("x-ts-ec"));
  });
});

describe("the finalization of a request", () => {
  beforeEach(() => {
    decided.mockClear();
  });

  test.each<[string, string, Record<string, string>, string | null, string]>([
    ["a new visitor", "/", {}, "JP", "new"],
    ["a visitor without consent", "/", {}, "DE", "denied"],
    ["a route of the service", "/identify", {}, "JP", "anonymous"],
  ])("is decided once for %s", async (_, path, headers, country, branch) => {
    const t = setUp();
    const request = new Request(`https://publisher.example${path}`, { headers });
    await t.service.respond(request, { ...VISITOR, country }, background, () => new Response("the page"));
    // Others who ask for it get the same value.
    const { finalization } = visitOf(request)!;
    expect(finalization.branch).toBe(branch);
    expect(visitOf(request)!.finalization).toBe(finalization);
    expect(decided).toHaveBeenCalledTimes(1);
  });

  test("is decided once for a returning visitor", async () => {
    const t = setUp();
    const id = (await t.ask("/")).headers.get("x-ts-ec")!;
    decided.mockClear();
    const visit = t.begin({ cookie: `ts-ec=${id}` });
    expect(visit.finalization).toEqual({ branch: "returning", id, restoreCookie: false });
    await visit.end(200);
    expect(decided).toHaveBeenCalledTimes(1);
  });

  test("is decided once for a deletion by the visitor", async () => {
    const t = setUp();
    const id = (await t.ask("/")).headers.get("x-ts-ec")!;
    decided.mockClear();
    const answer = await t.ask("/_ts/api/v1/identity", { method: "DELETE", cookies: { "ts-ec": id } });
    expect(answer.headers.getSetCookie()[0]).toContain("Max-Age=0");
    expect(decided).toHaveBeenCalledTimes(1);
    expect(decided.mock.results[0]!.value).toEqual({ branch: "erasure" });
  });

  test("no route may change a visit whose finalization is decided", () => {
    const visit = setUp().begin();
    const { consent } = visit.context;
    expect(visit.finalization.branch).toBe("new");
    expect(() => visit.erase()).toThrow(Error);
    expect(() => visit.stateConsent(consent)).toThrow(Error);
  });
});

describe("the end of a visit", () => {
  const requests = (text: string) =>
    [...text.matchAll(/^millrace_ec_requests_total\{.*\} (\d+)$/gm)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );

  test("end counts the visit, and a second end throws", async () => {
    const t = setUp();
    const visit = t.begin();
    await visit.end(200);
    expect(() => visit.end(200)).toThrow(Error);
    expect(() => visit.fail()).toThrow(Error);
    expect(() => visit.abandon()).toThrow(Error);
    expect(requests(t.services.metrics.text())).toBe(1);
  });

  test("replaced returns the same change and counts an error of the server, not another visit", async () => {
    const t = setUp();
    const visit = t.begin();
    const change = await visit.end(200);
    expect(visit.replaced()).toEqual(change);
    expect(requests(t.services.metrics.text())).toBe(1);
    expect(t.services.metrics.text()).toContain('millrace_ec_server_errors_total{route="organic"} 1');
  });

  test("an abandoned visit writes nothing and is not counted", async () => {
    const t = setUp();
    const before = t.store.asked.length;
    t.begin().abandon();
    expect(t.store.asked.slice(before).filter(({ operation }) => operation !== "get")).toEqual([]);
    expect(requests(t.services.metrics.text())).toBe(0);
    expect(t.services.metrics.text()).not.toContain('millrace_ec_server_errors_total{route="organic"}');
  });

  test("a handler that throws ends the visit with an error of the server", async () => {
    const t = setUp();
    const request = new Request("https://publisher.example/");
    const fails = () => {
      throw new Error("the site is broken");
    };
    expect(() => t.service.respond(request, VISITOR, background, fails)).toThrow("the site is broken");
    const rejects = () => Promise.reject(new Error("the site is broken"));
    await expect(t.service.respond(request, VISITOR, background, rejects)).rejects.toThrow(
      "the site is broken",
    );
    expect(t.services.metrics.text()).toContain('millrace_ec_server_errors_total{route="organic"} 2');
  });
});

describe("the configured cookie", () => {
  const config = { cookie: { name: "visitor", maxAgeDays: 30 } };

  test("its name and age are set, and only it is read", async () => {
    const t = setUp({ config });
    const first = await t.ask("/");
    const id = first.headers.get("x-ts-ec")!;
    expect(first.headers.getSetCookie()).toEqual([
      `visitor=${id}; Domain=.publisher.example; Path=/; Secure; SameSite=Lax; Max-Age=2592000`,
    ]);
    expect((await t.ask("/", { cookies: { visitor: id } })).headers.getSetCookie()).toEqual([]);
    expect((await t.ask("/", { cookies: { "ts-ec": id } })).headers.getSetCookie()).toHaveLength(1);
  });

  test("a withdrawal deletes it", async () => {
    const t = setUp({ config });
    const id = (await t.ask("/")).headers.get("x-ts-ec")!;
    const answer = await t.ask("/", { cookies: { visitor: id }, client: { country: "DE" } });
    expect(answer.headers.getSetCookie()[0]).toMatch(/^visitor=; .*; Max-Age=0$/);
  });
});

test("a server's fields are read in place of the request's headers: the cookie, the client, the request's own look at them", async () => {
  const wrap = edgeCookie({
    publisher: { domain: "publisher.example" },
    passphrases: ["publisher-chosen-secret"],
    store: "memory:",
    client: { ipHeader: "x-ip", countryHeader: "x-country" },
    log: { debug() {}, info() {}, warn() {}, error() {} },
  });
  const handler = wrap((request) => Response.json([ecOf(request)?.activeId, ecOf(request)?.client]));
  const exchange = undefined as never; // not read: the address is in a field
  const id = handler.service(exchange).services.identity.mint("203.0.113.9");
  const fields = new Headers({ "x-ip": "203.0.113.9", "x-country": "JP", cookie: `ts-ec=${id}` });
  const request = new Request("https://publisher.example/", {
    headers: { "x-ip": "192.0.2.1", cookie: "ts-ec=x" },
  });
  const known = { ip: "203.0.113.9", country: "JP", region: null };
  expect(await (await handler.withFields(request, fields, exchange)).json()).toEqual([id, known]);
  const own = { ip: "192.0.2.1", country: null, region: null };
  expect(await (await handler(request, exchange)).json()).toEqual([null, own]);
  await handler.close();
});
