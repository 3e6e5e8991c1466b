/** New and returning visitors get the same media type; Hono's context keeps the identity. */
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ProcessRuntime, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";
import { visit } from "../support/visit.ts";
import { eventually } from "./target.ts";

describe.each<ProcessRuntime>(["node", "bun", "deno"])("a wrapped site on %s", (runtime) => {
  let server: RunningProgram;
  let cookie: [string, string];

  const id = (answer: { setCookies: string[] }) => /^ts-ec=([^;]+)/.exec(answer.setCookies.at(-1) ?? "")?.[1];

  beforeAll(async () => {
    server = await spawnServer(runtime, ["test/runtimes/wrapped-site.ts"]);
    cookie = ["cookie", `ts-ec=${id(await visit(server.url, { path: "/html" }))}`];
  });

  afterAll(async () => {
    await server?.stop("SIGKILL");
  });

  /** A media type without the random boundary of a form. */
  const typeOf = (type: string | undefined) => type?.replace(/boundary=.*/, "boundary");

  test.each([
    "/text",
    "/text-and-cookie",
    "/html",
    "/untyped-blob",
    "/blob",
    "/parameters",
    "/form",
    "/bytes",
    "/stream",
    "/json",
    "/teapot",
    "/none",
    "/shared",
    "/page",
    "/hono/text",
  ])("%s is the same to a new visitor and to a returning one", async (path) => {
    for (let round = 0; round < 2; round++) {
      const fresh = await visit(server.url, { path });
      const returning = await visit(server.url, { path, headers: [cookie] });
      expect(id(fresh)).toMatch(/^[0-9a-f]{64}\./);
      expect(id(returning)).toBeUndefined();
      // Its own cookie, and ours once.
      expect(fresh.setCookies.length).toBe(returning.setCookies.length + 1);
      expect([fresh.status, typeOf(fresh.headers["content-type"])]).toEqual([
        returning.status,
        // `@hono/node-server` drops the type of a text with headers unless the headers are read first.
        typeOf(returning.headers["content-type"]) ??
          (runtime === "node" && path === "/text-and-cookie" ? "text/plain; charset=UTF-8" : undefined),
      ]);
      const length = (answer: typeof fresh) => answer.body.length;
      expect(length(fresh)).toBe(length(returning));
      if (path !== "/form") expect(fresh.body).toBe(returning.body);
    }
  });

  test("text bodies get a text type, and forms the boundary of their body", async () => {
    expect((await visit(server.url, { path: "/text" })).headers["content-type"]).toMatch(/^text\/plain/);
    const { headers, body } = await visit(server.url, { path: "/form" });
    const boundary = /boundary=(.*)/.exec(headers["content-type"]!)![1]!.replace(/"/g, "");
    expect(body.startsWith(`--${boundary}`)).toBe(true);
  });

  test("an endless body streams to a new visitor and is cancelled when the visitor disconnects", async () => {
    await new Promise<void>((resolve, reject) => {
      const outgoing = request(`${server.url}/endless`, { agent: false }, (incoming) => {
        incoming.once("data", () => {
          incoming.destroy();
          resolve();
        });
      });
      outgoing.on("error", reject).end();
    });
    await eventually("the end of the body", async () => {
      const state = JSON.parse((await visit(server.url, { path: "/state" })).body);
      return state.cancelled === 1 || undefined;
    });
  });

  test("Hono's context has the identity after middleware that replaces the request", async () => {
    // A form's, which is a visit of a page.
    const form = { method: "POST", agent: false as const, headers: { accept: "text/html" } };
    const answer = await new Promise<{ status: number; body: string; ec: unknown }>((resolve, reject) => {
      const outgoing = request(`${server.url}/hono/limited`, form, (incoming) => {
        let body = "";
        incoming.setEncoding("utf8").on("data", (text) => {
          body += text;
        });
        incoming.on("end", () =>
          resolve({ status: incoming.statusCode!, body, ec: incoming.headers["x-ts-ec"] }),
        );
      });
      outgoing.on("error", reject);
      // In two pieces, so that it has no length.
      outgoing.write("some ");
      outgoing.end("text");
    });
    expect(answer.ec).toMatch(/^[0-9a-f]{64}\./);
    expect([answer.status, JSON.parse(answer.body)]).toEqual([200, [answer.ec, answer.ec, "some text"]]);
  });
});
