/** Safe first, section 7: what belongs to a request stays with hono's context, whoever replaces the request. */
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { describe, expect, expectTypeOf, test } from "vitest";
import type { EcContext } from "../../../../runtime/ec/request/context.ts";
import { edgeCookieMiddleware } from "../../../../worker/ec/hono.ts";
import { ecOf, edgeCookie } from "../../../../worker/entries/web.ts";

const middleware = () =>
  edgeCookieMiddleware(
    edgeCookie({
      publisher: { domain: "publisher.example" },
      passphrases: ["publisher-chosen-secret"],
      consent: { assumeCountry: "JP" },
      client: { ipHeader: "x-ip" },
      log: { debug() {}, info() {}, warn() {}, error() {} },
    }),
  );
const headers = { "x-ip": "203.0.113.1" };
const ID = /^[0-9a-f]{64}\.[0-9A-Za-z]{6}$/;

/** A body without a length, for which `bodyLimit` makes a request of its own. */
const chunked = () => ({
  method: "POST",
  // A form's: what a script posts is no visit of a page, and gets no id.
  headers: { ...headers, accept: "text/html" },
  body: new Blob(["some ", "text"]).stream(),
  duplex: "half",
});

describe("a handler finds what the service knows", () => {
  test("as c.var.ec, by ecOf(c) and by ecOf(c.req.raw)", async () => {
    const app = new Hono().use(middleware()).get("/", (c) => {
      expectTypeOf(c.var.ec).toEqualTypeOf<Readonly<EcContext>>();
      expectTypeOf(c.get("ec").activeId).toEqualTypeOf<string | null>();
      expectTypeOf(ecOf(c)?.activeId).toEqualTypeOf<string | null | undefined>();
      expectTypeOf(ecOf(c.req.raw)).toEqualTypeOf<Readonly<EcContext> | undefined>();
      return c.json([c.var.ec.activeId, ecOf(c)?.activeId, ecOf(c.req.raw)?.activeId]);
    });
    const answer = await app.request("/", { headers });
    const id = answer.headers.get("x-ts-ec");
    expect(id).toMatch(ID);
    expect(await answer.json()).toEqual([id, id, id]);
  });

  test("behind bodyLimit, which replaces the request", async () => {
    const seen: Request[] = [];
    const app = new Hono()
      .use(middleware())
      .use(async (c, next) => {
        seen.push(c.req.raw);
        await next();
      })
      .use(bodyLimit({ maxSize: 100 }))
      .post("/", async (c) => {
        seen.push(c.req.raw);
        const ids = [c.var.ec.activeId, ecOf(c)?.activeId, ecOf(c.req.raw)?.activeId];
        return c.json([...ids, await c.req.text()]);
      });
    const answer = await app.request("/", chunked());
    const id = answer.headers.get("x-ts-ec");
    expect(id).toMatch(ID);
    expect(await answer.json()).toEqual([id, id, id, "some text"]);
    expect(seen[0]).not.toBe(seen[1]);
  });

  test("in an application that is mounted, by what mount hands over", async () => {
    const inner = new Hono<{ Bindings: { ec: EcContext } }>().get("/here", (c) => c.json(c.env.ec.activeId));
    const app = new Hono()
      .use(middleware())
      .mount(
        "/a",
        (request, ec) => Response.json([ec.activeId, new URL(request.url).pathname]),
        (c) => [ecOf(c)],
      )
      .mount("/b", inner.fetch, (c) => [{ ec: ecOf(c) }])
      .mount("/c", (request) => Response.json(ecOf(request)?.activeId), { replaceRequest: false });
    for (const [path, rest] of [
      ["/a/here", ["/here"]],
      ["/b/here", null],
      ["/c/here", null],
    ] as const) {
      const answer = await app.request(path, { headers });
      const id = answer.headers.get("x-ts-ec");
      expect(id).toMatch(ID);
      expect(await answer.json(), path).toEqual(rest === null ? id : [id, ...rest]);
    }
  });

  test("in a group of routes, and in an application with types of its own", async () => {
    const group = new Hono().get("/x", (c) => c.json(ecOf(c)?.activeId));
    const app = new Hono<{ Variables: { mine: number } }>()
      .use(middleware())
      .get("/", (c) => {
        c.set("mine", 1);
        return c.json(c.var.ec.activeId);
      })
      .route("/group", group);
    for (const path of ["/", "/group/x"]) {
      const answer = await app.request(path, { headers });
      expect(await answer.json()).toBe(answer.headers.get("x-ts-ec"));
    }
  });

  test("not from a copy, nor without the middleware", async () => {
    const app = new Hono()
      .use(middleware())
      .get("/", (c) =>
        c.json([ecOf(c.req.raw.clone()), ecOf(new Request(c.req.raw))].map((ec) => ec === undefined)),
      );
    expect(await (await app.request("/", { headers })).json()).toEqual([true, true]);
    const bare = new Hono().get("/", (c) => c.json(ecOf(c) === undefined));
    expect(await (await bare.request("/")).json()).toBe(true);
  });
});
