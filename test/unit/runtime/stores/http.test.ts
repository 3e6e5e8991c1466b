import { describe, expect, test } from "vitest";
import type { Fetch, Store } from "../../../../runtime/platform.ts";
import { httpStore } from "../../../../runtime/stores/http.ts";
import { memoryStore } from "../../../../runtime/stores/memory.ts";
import { serveStore } from "../../../../worker/serve/store-server.ts";
import { storeContract } from "../../../contract/store.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const TOKEN = "the-token-of-the-store";

function world(served: (memory: Store) => Store = (memory) => memory) {
  const clock = manualClock();
  const lines: unknown[] = [];
  const handler = serveStore({
    store: served(memoryStore({ clock })),
    isToken: (token) => token === TOKEN,
    log: { error: (_key, message, fields) => void lines.push([message, fields]) },
  });
  const fetch: Fetch = (url, init) => handler(new Request(url, init));
  const open = (token = TOKEN) => httpStore({ url: "http://store.example/any/path", token, fetch });
  return { handler, open, lines, advance: clock.advance };
}

describe("the contract, from client to server", () => {
  const cases = storeContract({
    traits: { name: "http", readAfterWrite: true, durable: true, shared: true },
    // The races of 300 are those of the store behind the server.
    writers: 80,
    open() {
      const { open, advance } = world();
      return { store: open(), advance, again: () => open(), dispose() {} };
    },
  });
  test.each(cases)("$name", ({ run }) => run());
});

describe("the server", () => {
  const send = (body: string, { method = "POST", token = TOKEN } = {}) => {
    const headers = { authorization: `Bearer ${token}` };
    const request = new Request("http://store.example/", {
      method,
      headers,
      ...(method === "POST" ? { body } : {}),
    });
    return world().handler(request);
  };

  test("refuses every request without the token", async () => {
    for (const body of ['{"op":"get","key":"k"}', "not JSON", ""]) {
      const response = await send(body, { token: "another" });
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ error: "unauthorized" });
    }
  });

  test.each([
    ["", "POST", 400],
    ["not JSON", "POST", 400],
    ["[]", "POST", 400],
    ['{"op":"drop"}', "POST", 400],
    ['{"op":"get"}', "POST", 400],
    ['{"op":"get","key":1}', "POST", 400],
    ['{"op":"get","key":"k","more":1}', "POST", 400],
    ['{"op":"put","key":"k","value":"v","options":{"ifVersion":7}}', "POST", 400],
    ['{"op":"put","key":"k","value":"v","options":{"ttlSeconds":null}}', "POST", 400],
    ['{"op":"list","prefix":"","options":{"limit":0}}', "POST", 400],
    ['{"op":"list","prefix":"","options":{"limit":1e9}}', "POST", 400],
    ["", "GET", 405],
    [`{"op":"put","key":"k","value":"${"v".repeat(9_000_000)}"}`, "POST", 413],
  ])("refuses %.60s by %s with %i", async (body, method, status) => {
    expect((await send(body, { method })).status).toBe(status);
  });

  test("responses are not cacheable", async () => {
    const response = await send('{"op":"get","key":"k"}');
    expect([response.status, await response.text()]).toEqual([200, "null"]);
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  test("refuses a store whose reads may be stale", () => {
    const old = (store: Store) => ({
      ...store,
      traits: { ...store.traits, name: "far", readAfterWrite: false },
    });
    expect(() => world(old)).toThrow("a far store cannot be served");
  });

  test("logs the cause of a failure, and does not send it", async () => {
    const failing = (store: Store): Store => ({
      ...store,
      get: async () => {
        throw new Error("disk of 10.0.0.7 is full");
      },
    });
    const { open, lines } = world(failing);
    await expect(open().get("key")).rejects.toThrow(/^the store at store.example answered with status 503$/);
    expect(lines).toHaveLength(1);
  });
});

describe("the client", () => {
  test("reports a wrong token, without showing it", async () => {
    const { open } = world();
    const error = await (async () => open("a-wrong-token").get("key"))().then(String, String);
    expect(error).toMatch(/status 401; is its token the one/);
    expect(error).not.toContain("a-wrong-token");
  });

  test("reports a server that is not a store", async () => {
    for (const body of ["<html>", "null", "{}", '{"error":"refused"}']) {
      const store = httpStore({
        url: "http://store.example/",
        token: TOKEN,
        fetch: async () => new Response(body, { status: 404 }),
      });
      await expect(store.get("key")).rejects.toThrow("the store at store.example answered with status 404");
    }
  });
});
