import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, connect } from "node:net";
import process from "node:process";
import { promisify } from "node:util";
import express from "express";
import fastify from "fastify";
import { afterEach, describe, expect, test, vi } from "vitest";
import { nodeListener, nodeMiddleware } from "../../../../../worker/ec/adapters/node-http.ts";
import { ecOf, edgeCookie } from "../../../../../worker/entries/node.ts";
import { root } from "../../../../support/spawn.ts";

const ID = /^[0-9a-f]{64}\.[0-9A-Za-z]{6}$/;
const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

const ec = () =>
  edgeCookie({
    publisher: { domain: "publisher.example" },
    passphrases: ["publisher-chosen-secret"],
    consent: { assumeCountry: "JP" },
    store: "memory:",
  });

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  ending.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const cookiesOf = ({ headers }: Response) => headers.getSetCookie().map((each) => each.split(";")[0]!);

interface Site {
  url: string;
  /** Messages of the errors that the framework was given. */
  errors: string[];
}

/** The same site, written for three servers. Its pages: `/`, `/stream`, `/cookies`, `/fails`, `/echo` and `/missing`. */
const sites: Record<string, () => Promise<Site>> = {
  async "plain http"() {
    const identity = nodeMiddleware(ec());
    const errors: string[] = [];
    const site: RequestListener = async (request, response) => {
      switch (request.url) {
        case "/":
          return response.end(`your id: ${ecOf(request)?.activeId}`);
        case "/cookies":
          response.setHeader("Set-Cookie", "own=1");
          return response
            .writeHead(201, { "Content-Type": "text/plain", "Cache-Control": "max-age=60" })
            .end("");
        case "/stream":
          for (const part of ["one ", "two ", "three"]) response.write(part);
          return response.end();
        case "/echo":
          return request.pipe(response);
        case "/fails":
          return response.writeHead(500, "Broken").end("failed");
        default:
          return response.writeHead(404).end();
      }
    };
    const url = await listen((request, response) =>
      identity(request, response, () => site(request, response)),
    );
    return { url, errors };
  },
  async express() {
    const app = express();
    const errors: string[] = [];
    app.use(nodeMiddleware(ec()));
    app.get("/", (req, res) => res.send(`your id: ${ecOf(req)?.activeId}`));
    app.get("/cookies", (_req, res) =>
      res.status(201).cookie("own", "1").set("cache-control", "max-age=60").send(""),
    );
    app.get("/stream", (_req, res) => {
      for (const part of ["one ", "two ", "three"]) res.write(part);
      res.end();
    });
    app.post("/echo", express.text(), (req, res) => res.type("text").send(req.body));
    app.get("/fails", () => {
      throw new Error("of the site");
    });
    app.use(((error, _req, res, _next) => {
      errors.push(error.message);
      res.status(500).send("failed");
    }) as express.ErrorRequestHandler);
    return { url: await listen(app), errors };
  },
  async fastify() {
    const app = fastify();
    const errors: string[] = [];
    const identity = nodeMiddleware(ec());
    app.addHook("onRequest", (request, reply, next) => identity(request.raw, reply.raw, next));
    app.get("/", async (request) => `your id: ${ecOf(request.raw)?.activeId}`);
    app.get("/cookies", async (_request, reply) =>
      reply.code(201).header("set-cookie", "own=1").header("cache-control", "max-age=60").send(""),
    );
    app.get("/stream", (_request, reply) =>
      reply.send(new Blob(["one ", "two ", "three"]).stream() as ReadableStream),
    );
    app.post("/echo", async (request, reply) => reply.type("text/plain").send(request.body));
    app.get("/fails", async () => {
      throw new Error("of the site");
    });
    app.setErrorHandler((error: Error, _request, reply) => {
      errors.push(error.message);
      return reply.code(500).send("failed");
    });
    ending.push(() => app.close());
    return { url: await app.listen({ port: 0, host: "127.0.0.1" }), errors };
  },
};

describe.each(Object.keys(sites))("nodeMiddleware with %s", (name) => {
  test("mints an id, shows it to the handler, and sets the cookie on the framework's response", async () => {
    const { url } = await sites[name]!();
    const first = await fetch(url);
    const id = first.headers.get("x-ts-ec")!;
    expect(id).toMatch(ID);
    expect(await first.text()).toBe(`your id: ${id}`);
    expect(cookiesOf(first)).toEqual([`ts-ec=${id}`]);

    const again = await fetch(url, { headers: { cookie: `ts-ec=${id}` } });
    expect([await again.text(), cookiesOf(again)]).toEqual([`your id: ${id}`, []]);
    expect(again.headers.get("content-length")).toBe(String(`your id: ${id}`.length));
  });

  test("keeps the site's own status, cookies and fields, and forbids shared caching", async () => {
    const { url } = await sites[name]!();
    const answer = await fetch(`${url}/cookies`);
    expect(answer.status).toBe(201);
    expect(cookiesOf(answer)).toEqual(["own=1", expect.stringMatching(/^ts-ec=/)]);
    expect(answer.headers.get("cache-control")).toContain("private");
  });

  test("passes streamed bodies and uploads on", async () => {
    const { url } = await sites[name]!();
    expect(await (await fetch(`${url}/stream`)).text()).toBe("one two three");
    const headers = { "content-type": "text/plain" };
    const echo = await fetch(`${url}/echo`, { method: "POST", body: "x".repeat(90_000), headers });
    expect([echo.status, (await echo.text()).length]).toEqual([200, 90_000]);
  });

  test("answers the service's own routes without asking the site", async () => {
    const { url } = await sites[name]!();
    const id = (await fetch(url)).headers.get("x-ts-ec")!;
    const known = await fetch(`${url}/identify`, { headers: { cookie: `ts-ec=${id}` } });
    expect([known.status, (await known.json()).ec]).toEqual([200, id]);
    const body = JSON.stringify({ mappings: [] });
    const batch = await fetch(`${url}/_ts/api/v1/sync`, { method: "POST", body });
    expect([batch.status, (await batch.json()).error]).toEqual([401, "unauthorized"]);
  });

  test("leaves errors and missing pages to the framework", async () => {
    const { url, errors } = await sites[name]!();
    const failed = await fetch(`${url}/fails`);
    expect([failed.status, await failed.text()]).toEqual([500, "failed"]);
    expect(failed.headers.get("x-ts-ec")).toMatch(ID);
    if (name !== "plain http") expect(errors).toEqual(["of the site"]);
    expect((await fetch(`${url}/missing`)).status).toBe(404);
  });
});

test("nodeListener serves a fetch handler", async () => {
  const url = await listen(
    nodeListener(ec()((request) => new Response(`your id: ${ecOf(request)?.activeId}`))),
  );
  const answer = await fetch(url);
  expect(await answer.text()).toBe(`your id: ${answer.headers.get("x-ts-ec")}`);
});

test("middleware that wraps the response's methods, before or behind, sees one head", async () => {
  const app = express();
  const heads: string[] = [];
  const watch =
    (place: string): express.RequestHandler =>
    (_req, res, next) => {
      const { writeHead } = res;
      res.writeHead = ((...args: Parameters<typeof writeHead>) => {
        heads.push(place);
        res.setHeader(`x-${place}`, "yes");
        return writeHead.apply(res, args);
      }) as typeof writeHead;
      next();
    };
  app.use(watch("before"), nodeMiddleware(ec()), watch("behind"));
  app.get("/", (_req, res) => void res.end("page"));
  const answer = await fetch(await listen(app));
  expect(await answer.text()).toBe("page");
  expect([answer.headers.get("x-before"), answer.headers.get("x-behind")]).toEqual(["yes", "yes"]);
  expect(answer.headers.get("content-length")).toBe("4");
  expect(answer.headers.get("x-ts-ec")).toMatch(ID);
  expect(new Set(heads)).toEqual(new Set(["before", "behind"]));
});

test("a writer that waits for 'drain' goes on", async () => {
  const identity = nodeMiddleware(ec());
  const url = await listen((request, response) =>
    identity(request, response, async () => {
      for (let part = 0; part < 5; part++) {
        if (!response.write("x".repeat(10))) await once(response, "drain");
      }
      response.end();
    }),
  );
  expect((await (await fetch(url)).text()).length).toBe(50);
});

test("frameworks see that they have answered while the response is held", async () => {
  const identity = nodeMiddleware(ec());
  let seen: boolean[] = [];
  const url = await listen((request, response) =>
    identity(request, response, () => {
      const before = [response.headersSent, response.writableEnded];
      response.end("page");
      seen = [...before, response.headersSent, response.writableEnded];
    }),
  );
  expect(await (await fetch(url)).text()).toBe("page");
  expect(seen).toEqual([false, false, true, true]);
});

test("a client that leaves before the site answers ends the request without an error", async () => {
  const identity = nodeMiddleware(ec());
  const asked = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const url = await listen((request, response) =>
    identity(request, response, async () => {
      asked.resolve();
      await once(response, "close");
      response.end("too late");
      left.resolve();
    }),
  );
  const client = connect(Number(new URL(url).port), "127.0.0.1");
  client.write("GET / HTTP/1.1\r\nHost: publisher.example\r\n\r\n");
  await asked.promise;
  client.destroy();
  await left.promise;
  expect((await fetch(`${url}/identify`)).status).toBeLessThan(500);
});

describe("a handler in the wrong place says what to do", () => {
  test("createServer(handler)", () => {
    const handler = ec()(() => new Response("hello")) as unknown as RequestListener;
    expect(() => handler({ rawHeaders: [] } as never, {} as never)).toThrow(/nodeListener\(handler\)/);
  });

  test("app.use(ec)", async () => {
    const app = express();
    app.use(ec() as never);
    app.use(((error, _req, res, _next) =>
      res.status(500).send(error.message)) as express.ErrorRequestHandler);
    const answer = await fetch(await listen(app));
    expect([answer.status, await answer.text()]).toEqual([
      500,
      expect.stringContaining("nodeMiddleware(ec)"),
    ]);
  });

  test("app.use(path, middleware)", async () => {
    const app = express();
    app.use("/shop", nodeMiddleware(ec()));
    app.use(((error, _req, res, _next) =>
      res.status(500).send(error.message)) as express.ErrorRequestHandler);
    const answer = await fetch(`${await listen(app)}/shop/page`);
    expect([answer.status, await answer.text()]).toEqual([500, expect.stringContaining("below a path")]);
  });
});

test("a listener answers with 500 where a handler's field cannot be sent, and serves the next request", async () => {
  const error = vi.spyOn(console, "error").mockImplementation(() => {});
  ending.push(() => error.mockRestore());
  const handler = (request: Request) =>
    new Response("page", { headers: request.url.endsWith("/bad") ? { "x-own": "a\nb" } : {} });
  const url = await listen(nodeListener(handler));
  expect((await fetch(`${url}/bad`)).status).toBe(500);
  expect(await (await fetch(url)).text()).toBe("page");
  expect(error).toHaveBeenCalledOnce();
});

test("middleware answers whole where another listener replaced the global Response before it was loaded", async () => {
  const program = `
    import { getRequestListener } from "@hono/node-server";
    getRequestListener(() => new Response());
    const { nodeMiddleware } = await import("./worker/ec/adapters/node-http.ts");
    const { edgeCookie } = await import("./worker/entries/node.ts");
    const { createServer } = await import("node:http");
    const identity = nodeMiddleware(edgeCookie({
      publisher: { domain: "publisher.example" }, passphrases: ["publisher-chosen-secret"],
      consent: { assumeCountry: "JP" }, store: "memory:",
    }));
    const site = (request, response) => identity(request, response, () => {
      response.write("one ");
      setTimeout(() => response.end("two"), 50);
    });
    const server = createServer(site).listen(0, "127.0.0.1", async () => {
      const answer = await fetch("http://127.0.0.1:" + server.address().port);
      console.log(answer.status, await answer.text());
      process.exit();
    });`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: root,
    timeout: 20_000,
  });
  expect(stdout.trim()).toBe("200 one two");
});
