/**
 * The reverse proxy over real connections on Node, Bun and Deno, directly and through nginx.
 *
 * Covers framing, the request line, header fields, and what users need.
 */
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo, NetConnectOpts, Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Nginx, startNginx } from "../support/nginx.ts";
import { answersOf, ask, fieldOf, open, type RawAnswer, startRawOrigin } from "../support/raw-http.ts";
import { serveSite } from "../support/site-server.ts";
import type { ProcessRuntime } from "../support/spawn.ts";

const processes: ProcessRuntime[] = ["node", "bun", "deno"];
const MIB = 1024 * 1024;

/** A request that an origin received. */
interface Seen {
  method: string;
  url: string;
  fields: string[];
  body: string;
}

/** An origin that records its requests. */
async function startSite() {
  const seen: Seen[] = [];
  /** Answers that replace the usual one, by path. */
  const answers = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>();
  const listener: RequestListener = (request, response) => {
    const special = answers.get(request.url!.split("?")[0]!);
    if (special !== undefined) return special(request, response);
    const parts: Buffer[] = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const { method = "", url = "", rawHeaders } = request;
      seen.push({ method, url, fields: rawHeaders, body: Buffer.concat(parts).toString("latin1") });
      response.writeHead(200, { "content-type": "text/plain" });
      response.end(request.method === "HEAD" ? undefined : `${request.method} ${request.url}`);
    });
  };
  const server = createServer({ maxHeaderSize: 256 * 1024, keepAliveTimeout: 60_000 }, listener);
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    seen,
    answers,
    server,
    async stop() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

const request = (line: string, fields: string[] = [], body = "") =>
  `${line} HTTP/1.1\r\nHost: site.example\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n${body}`;

const chunked = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

/** Number of open descriptors of a process. */
const descriptors = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;
const residentBytes = (pid: number) =>
  Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4096;

/** Polls until a condition holds; the test's timeout limits it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe.each(processes)("the proxy on %s", (runtime) => {
  let site: Awaited<ReturnType<typeof startSite>>;
  let server: Awaited<ReturnType<typeof serveSite>>;
  let nginx: Nginx;
  let straight: NetConnectOpts;
  const stops: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    site = await startSite();
    server = await serveSite(runtime, site.url, { publisher: { originTimeoutMs: 5000 } });
    straight = { host: "127.0.0.1", port: server.port };
    nginx = await startNginx(`127.0.0.1:${server.port}`);
  });
  afterAll(async () => {
    await nginx?.stop();
    await server?.stop();
    await site?.stop();
  });
  afterEach(async () => {
    site.seen.length = 0;
    site.answers.clear();
    site.server.removeAllListeners("upgrade");
    for (const stop of stops.splice(0)) await stop();
  });

  /** Starts another proxy for another origin. */
  async function before(origin: string, config: Parameters<typeof serveSite>[2] = {}) {
    const other = await serveSite(runtime, origin, config);
    stops.push(() => other.stop());
    return { host: "127.0.0.1", port: other.port, server: other };
  }
  async function rawOrigin(handle: (socket: Socket) => void) {
    const origin = await startRawOrigin(handle);
    stops.push(() => origin.stop());
    return origin;
  }

  describe.each(["direct", "through nginx"] as const)("message framing, %s", (way) => {
    const where = () => (way === "direct" ? straight : { path: nginx.socketPath });
    const smuggled = "GET /smuggled HTTP/1.1\r\nHost: site.example\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n";
    const methods = ["GET", "HEAD", "OPTIONS", "DELETE", "POST", "PUT", "PATCH", "PROPFIND"];
    const framings: [name: string, fields: string[], body: string][] = [
      ["a length", [`Content-Length: ${smuggled.length}`], smuggled],
      ["chunks", ["Transfer-Encoding: chunked"], chunked(smuggled)],
      [
        "many chunks and a trailer",
        ["Transfer-Encoding: Chunked", "Trailer: X-T"],
        `${[...smuggled].map((letter) => `1\r\n${letter}\r\n`).join("")}0\r\nX-T: Content-Length: 5\r\n\r\n`,
      ],
      [
        "a length named by Connection",
        [`Content-Length: ${smuggled.length}`, "Connection: Content-Length"],
        smuggled,
      ],
      ["an expectation", ["Expect: 100-continue", `Content-Length: ${smuggled.length}`], smuggled],
    ];

    test.each(methods.flatMap((method) => framings.map((framing) => [method, ...framing] as const)))(
      "a %s with %s reaches the origin once, and does not affect the next request",
      async (method, _name, fields, body) => {
        const first = await ask(where(), request(`${method} /search`, fields, body), method === "HEAD");
        const victim = "session=secret-of-the-victim";
        const second = await ask(where(), request("GET /account", [`Cookie: ${victim}`]));
        const third = await ask(where(), request("POST /form", ["Content-Length: 3"], "a=1"));
        // nginx rejects an expectation with some methods.
        expect([first.status, second.status, third.status]).toEqual([200, 200, 200]);
        expect(second.body).toBe("GET /account");
        expect(site.seen.map(({ method, url, body }) => [method, url, body])).toEqual([
          [method, "/search", smuggled],
          ["GET", "/account", ""],
          ["POST", "/form", "a=1"],
        ]);
        expect(fieldOf(site.seen[1]!.fields, "cookie")).toBe(victim);
        expect(fieldOf(site.seen[0]!.fields, "x-forwarded-for")).not.toContain("9.9.9.9");
      },
    );
  });

  describe("ambiguous requests are rejected", () => {
    test.each([
      [501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
      [400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"],
      [
        501,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      ],
      [400, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
      [501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"],
      [400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"],
      [400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
      [400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"],
      [400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello"],
      [400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
      [400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"],
      [400, "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n"],
      [400, "GET / HTTP/1.1\r\n\r\n"],
      [400, "GET http://user@other.example/ HTTP/1.1\r\nHost: a\r\n\r\n"],
      [400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"],
      [501, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"],
      [501, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"],
    ])("%d: %j", async (status, bytes) => {
      const socket = open(straight);
      socket.write(bytes, "latin1");
      const answers = answersOf(socket);
      expect((await answers.next()).status).toBe(status);
      // The bytes after it are not read as a request.
      socket.write(request("GET /behind"), "latin1");
      expect(await answers.rest()).toBe("");
      expect(site.seen).toEqual([]);
    });
  });

  describe("the request line and header fields", () => {
    test.each([
      "/f?q='x'",
      "/a/%2e%2e/b",
      "/a/./b",
      "/a/../b",
      "/a?",
      '/a??b=%zz&c=[1]|{}^`"',
      "//other.example/a",
      "/x/../_ts/metrics",
      "/%5fts/metrics",
      "/_TS/metrics",
      "//_ts/metrics",
    ])("%s reaches the origin unchanged", async (path) => {
      expect((await ask(straight, request(`GET ${path}`))).status).toBe(200);
      expect(site.seen.map(({ url }) => url)).toEqual([path]);
    });

    test("the host of an absolute target replaces the Host field", async () => {
      await ask(straight, "GET http://other.example:81/abs?x HTTP/1.1\r\nHost: site.example\r\n\r\n");
      expect(site.seen[0]!.url).toBe("/abs?x");
      expect(fieldOf(site.seen[0]!.fields, "host")).toBe("other.example:81");
      expect(fieldOf(site.seen[0]!.fields, "x-forwarded-host")).toBe("other.example:81");
    });

    test("HTTP/1.0 needs no Host field, on own paths and for the origin", async () => {
      expect((await ask(straight, "GET /_ts/health HTTP/1.0\r\n\r\n")).status).toBe(200);
      const answer = await ask(straight, "GET /old HTTP/1.0\r\n\r\n");
      expect([answer.status, answer.body]).toEqual([200, "GET /old"]);
      expect(fieldOf(answer.fields, "transfer-encoding")).toBeUndefined();
      expect(fieldOf(site.seen[0]!.fields, "host")).toBe("site.example");
    });

    test("OPTIONS * is answered without the origin and without an id", async () => {
      const answer = await ask(straight, "OPTIONS * HTTP/1.1\r\nHost: site.example\r\n\r\n");
      expect(answer.status).toBe(204);
      expect(fieldOf(answer.fields, "set-cookie")).toBeUndefined();
      expect(site.seen).toEqual([]);
    });

    test("header fields keep case, order, duplicates and bytes in both directions", async () => {
      const bytes = Buffer.from("é ☃", "utf8").toString("latin1");
      site.answers.set("/bytes", (incoming, response) => {
        const { method = "", url = "", rawHeaders } = incoming;
        site.seen.push({ method, url, fields: rawHeaders, body: "" });
        response.writeHead(302, [
          "Location",
          `/caf${bytes}`,
          "X-Dup",
          "1",
          "X-DUP",
          "2",
          "Content-Length",
          "0",
        ]);
        response.end();
      });
      const answer = await ask(
        straight,
        request("GET /bytes", [`X-Name: ${bytes}`, "Accept: a", "aCCept: b"]),
      );
      expect(fieldOf(answer.fields, "location")).toBe(`/caf${bytes}`);
      const at = site.seen[0]!.fields.indexOf("X-Name");
      expect(site.seen[0]!.fields.slice(at, at + 6)).toEqual(["X-Name", bytes, "Accept", "a", "aCCept", "b"]);
      const text = answer.fields.filter((_, i) => i % 2 === 0);
      expect(text.filter((name) => name === "x-dup")).toHaveLength(2);
    });

    test("a request with a body has its fields encoded once", async () => {
      const bytes = Buffer.from("é", "utf8").toString("latin1");
      site.answers.set("/name", (_incoming, response) => {
        response.writeHead(200, ["Content-Disposition", `attachment; filename="${bytes}"`]);
        response.end(Buffer.from("text"));
      });
      const answer = await ask(straight, request("GET /name"));
      expect(fieldOf(answer.fields, "content-disposition")).toBe(`attachment; filename="${bytes}"`);
    });

    test.each([
      "X-Forwarded-For: 1.1.1.1",
      "X_Forwarded_For: 1.1.1.1",
      "x_ts_ec: forged",
      "X-TS-EC: forged",
      "X-Forwarded_For: 1.1.1.1",
      "X_Real-IP: 1.1.1.1",
      "Forwarded: for=1.1.1.1",
      "X.Forwarded.For: 1.1.1.1",
      "Proxy-Connection: close",
      "Keep-Alive: timeout=5",
      "TE: trailers",
      "HTTP2-Settings: AAMAAABkAAQAAP__",
    ])("%s does not reach the origin", async (field) => {
      await ask(straight, request("GET /", [field, "X-Kept: 1"]));
      const names = site.seen[0]!.fields.filter((_, i) => i % 2 === 0);
      const values = site.seen[0]!.fields.filter((_, i) => i % 2 === 1);
      expect(values).not.toContain(field.slice(field.indexOf(":") + 2));
      expect(names).toContain("X-Kept");
      expect(fieldOf(site.seen[0]!.fields, "x-forwarded-for")).toBe("127.0.0.1");
    });

    test("fields that Connection names are not forwarded", async () => {
      await ask(straight, request("GET /", ["Connection: x-mine, keep-alive", "X-Mine: 1", "X-Kept: 1"]));
      expect(fieldOf(site.seen[0]!.fields, "x-mine")).toBeUndefined();
      expect(fieldOf(site.seen[0]!.fields, "x-kept")).toBe("1");
    });

    test("several Cookie lines are read as one", async () => {
      const id = `${"ab".repeat(32)}.Abc123`;
      const answer = await ask(straight, request("GET /", ["Cookie: a=1", `Cookie: ts-ec=${id}`]));
      expect(fieldOf(answer.fields, "set-cookie")).toBeUndefined();
    });

    test.each([102, 103, 199])("an interim response %d is passed on before the final one", async (status) => {
      site.answers.set("/early", (_incoming, response) => {
        response.socket!.write(
          `HTTP/1.1 ${status} Early\r\nLink: </style.css>; rel=preload\r\nSet-Cookie: no=1\r\nX-TS-EC: no\r\n\r\n`,
        );
        response.end("late");
      });
      const answer = await ask(straight, request("GET /early"));
      expect(answer.body).toBe("late");
      expect(answer.interim).toHaveLength(1);
      expect(answer.interim[0]).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(answer.interim[0]).toContain("</style.css>; rel=preload");
      expect(answer.interim[0]).not.toMatch(/no=1|x-ts-ec/i);
      // HTTP/1.0 has no interim responses.
      const old = await ask(straight, "GET /early HTTP/1.0\r\nHost: a\r\n\r\n");
      expect([old.interim.length, old.body]).toEqual([0, "late"]);
    });
  });

  describe("100 Continue", () => {
    test.each([
      ["at once", ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]],
      ["by itself", ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]],
      [
        "in pieces, twice, with a field",
        [
          "HTTP/1.1 1",
          "00 Continue\r\nX-A: 1\r",
          "\n\r\nHTTP/1.1 100 Continue\r\n\r\nHT",
          "TP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ],
      ],
      ["in a body", ["HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nok"]],
    ])("an unexpected 100 Continue, %s, does not affect the response", async (_name, parts) => {
      const origin = await rawOrigin((socket) => {
        socket.on("data", async () => {
          for (const part of parts) {
            socket.write(part);
            await new Promise((resolve) => setTimeout(resolve, 30));
          }
        });
      });
      const where = await before(origin.url);
      for (const line of ["GET /a", "GET /b"]) {
        const answer = await ask(where, request(line));
        expect([answer.status, answer.body.slice(-2), answer.interim]).toEqual([200, "ok", []]);
      }
    });
  });

  describe("retries and early responses", () => {
    /** An origin that answers the first request of each connection, and resets it after it has read the second. */
    async function resetting() {
      const heads: string[] = [];
      const origin = await rawOrigin((socket) => {
        let count = 0;
        socket.on("data", (part) => {
          heads.push(part.toString("latin1").split(" ")[0]!);
          if (count++ === 0) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
          else socket.resetAndDestroy();
        });
      });
      return { origin, heads };
    }

    test.each([
      ["GET", [200, 3]],
      ["HEAD", [200, 3]],
      ["DELETE", [200, 3]],
      ["POST", [502, 2]],
      ["PATCH", [502, 2]],
    ] as const)(
      "a %s without a body on a kept connection that is reset reaches the origin %j",
      async (method, [status, asked]) => {
        const { origin, heads } = await resetting();
        const where = await before(origin.url);
        expect((await ask(where, request("GET /first"))).status).toBe(200);
        const answer = await ask(
          where,
          request(`${method} /second`, ["Content-Length: 0"]),
          method === "HEAD",
        );
        expect(answer.status).toBe(status);
        expect(heads).toHaveLength(asked);
      },
    );

    test.each(["GET", "POST", "PUT", "PATCH", "DELETE"])(
      "a %s after the origin has closed a kept connection is answered on a new one",
      async (method) => {
        const origin = await rawOrigin((socket) => {
          socket.once("data", () => {
            socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            setTimeout(() => socket.end(), 20);
          });
        });
        const where = await before(origin.url);
        await ask(where, request("GET /first"));
        await until(() => origin.sockets.size === 0);
        const answer = await ask(where, request(`${method} /second`, ["Content-Length: 2"], "hi"));
        expect(answer.status).toBe(200);
      },
    );

    test.each([
      ["413", "HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\nContent-Length: 9\r\n\r\ntoo large"],
      ["401, kept open", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\ntoo large"],
      [
        "302 in chunks",
        "HTTP/1.1 302 Found\r\nLocation: /login\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ntoo large\r\n0\r\n\r\n",
      ],
    ])(
      "an early %s to a 30 MB upload always reaches the client, and both connections end",
      async (_name, bytes) => {
        const origin = await rawOrigin((socket) => {
          socket.once("data", () => {
            socket.write(bytes);
            if (!bytes.includes("close")) return;
            socket.end();
            setTimeout(() => socket.destroy(), 5);
          });
        });
        const where = await before(origin.url);
        const part = Buffer.alloc(256 * 1024);
        for (let round = 0; round < 8; round++) {
          const socket = open(where);
          socket.write(request("POST /upload", [`Content-Length: ${120 * part.length}`]));
          const answers = answersOf(socket);
          let isRefused = false;
          void (async () => {
            for (let i = 0; i < 120 && !socket.destroyed && !isRefused; i++) {
              if (!socket.write(part)) await Promise.race([once(socket, "drain"), once(socket, "close")]);
            }
          })().catch(() => {});
          const answer = await answers.next();
          isRefused = true;
          expect(answer.body).toBe("too large");
          expect(String(answer.status)).toMatch(/413|401|302/);
          socket.end();
          socket.destroy();
        }
        await until(() => origin.sockets.size === 0);
      },
    );

    test("a client that aborts its upload after an early response leaves no open connection", async () => {
      const origin = await rawOrigin((socket) => {
        socket.once("data", () => socket.write("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"));
      });
      const where = await before(origin.url);
      for (let round = 0; round < 20; round++) {
        const socket = open(where);
        socket.write(request("POST /upload", ["Content-Length: 1000000"], "some of it"));
        expect((await answersOf(socket).next()).status).toBe(401);
        socket.destroy();
      }
      await until(() => origin.sockets.size === 0);
    });

    test.each(["with", "after"])(
      "bytes %s a response are not read as the next one, and their connection is closed",
      async (when) => {
        const forged = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged";
        let opened = 0;
        const origin = await rawOrigin((socket) => {
          opened++;
          socket.once("data", () => {
            const response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            socket.write(when === "with" ? response + forged : response);
            if (when === "after") setTimeout(() => socket.write(forged), 20);
          });
        });
        const where = await before(origin.url);
        for (let round = 1; round <= 3; round++) {
          expect((await ask(where, request("GET /"))).body).toBe("ok");
          await until(() => origin.sockets.size === 0);
          expect(opened).toBe(round);
        }
      },
    );

    test("a truncated response ends the client's connection and is not logged above debug", async () => {
      const origin = await rawOrigin((socket) => {
        socket.once("data", () => {
          socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
          setTimeout(() => socket.destroy(), 5);
        });
      });
      const where = await before(origin.url);
      for (let round = 0; round < 10; round++) {
        await expect(ask(where, request("GET /"))).rejects.toThrow(/ended/);
      }
      const lines = where.server
        .log()
        .split("\n")
        .filter((line) => line.includes("broke off"));
      expect(lines).toHaveLength(1);
    });

    test("a silent origin results in 504, an unreachable one in 502", async () => {
      const origin = await rawOrigin(() => {});
      const where = await before(origin.url, { publisher: { originTimeoutMs: 200 } });
      expect((await ask(where, request("GET /"))).status).toBe(504);
      await until(() => origin.sockets.size === 0);
      await origin.stop();
      stops.splice(stops.length - 2, 1);
      expect((await ask(where, request("POST /", ["Content-Length: 2"], "hi"))).status).toBe(502);
    });

    test("a slow upload that makes progress does not time out", async () => {
      const where = await before(site.url, { publisher: { originTimeoutMs: 300 } });
      const socket = open(where);
      socket.write(request("POST /slow", ["Content-Length: 10"]));
      for (let i = 0; i < 10; i++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        socket.write("x");
      }
      const answer = await answersOf(socket).next();
      socket.destroy();
      expect(answer.status).toBe(200);
      expect(site.seen.at(-1)!.body).toBe("xxxxxxxxxx");
    });
  });

  describe("the host, redirects and the client address", () => {
    test("the origin gets the visitor's host, or the configured one with redirects rewritten", async () => {
      await ask(straight, request("GET /"));
      expect(fieldOf(site.seen[0]!.fields, "host")).toBe("site.example");

      const where = await before(site.url, { publisher: { originHost: "shop.internal:8080" } });
      const locations: [string, string][] = [
        ["http://shop.internal:8080/next?a=1", "http://site.example/next?a=1"],
        [`${site.url}/next`, "http://site.example/next"],
        ["//shop.internal:8080/next", "http://site.example/next"],
        ["https://elsewhere.example/next", "https://elsewhere.example/next"],
        ["/relative", "/relative"],
      ];
      for (const [given, expected] of locations) {
        site.answers.set("/redirect", (incoming, response) => {
          expect(incoming.headers.host).toBe("shop.internal:8080");
          response.writeHead(302, { location: given }).end();
        });
        const answer = await ask(where, request("GET /redirect"));
        expect(fieldOf(answer.fields, "location")).toBe(expected);
      }
    });

    test.each<[unknown, string, string]>([
      [0, "127.0.0.1", "http"],
      [1, "10.0.0.2", "https"],
      [2, "203.0.113.9", "https"],
      [["127.0.0.0/8", "10.0.0.0/8"], "203.0.113.9", "https"],
      [["127.0.0.1"], "10.0.0.2", "https"],
      [["192.0.2.0/24"], "127.0.0.1", "http"],
    ])("with trusted proxies %j the client is %s by %s", async (trustedProxies, ip, protocol) => {
      const where = await before(site.url, { client: { trustedProxies } });
      await ask(
        where,
        request("GET /", ["X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.2", "X-Forwarded-Proto: https"]),
      );
      expect(fieldOf(site.seen[0]!.fields, "x-forwarded-for")).toBe(ip);
      expect(fieldOf(site.seen[0]!.fields, "x-forwarded-proto")).toBe(protocol);
    });
  });

  describe("streams and WebSockets", () => {
    test.each(["direct", "through nginx"] as const)(
      "a WebSocket echoes and ends on both sides, %s",
      async (way) => {
        const ended: string[] = [];
        site.server.removeAllListeners("upgrade");
        site.server.on("upgrade", (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
          expect(incoming.headers["sec-websocket-key"]).toBe("dGhlIHNhbXBsZSBub25jZQ==");
          socket.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
          );
          if (head.length > 0) socket.write(head);
          socket.on("data", (part) => (part.toString() === "end" ? socket.end("bye") : socket.write(part)));
          // Like servers of WebSockets: these sockets may be half open.
          socket.on("end", () => socket.end());
          socket.on("error", () => {}).on("close", () => ended.push("closed"));
        });
        const fields = [
          "Connection: Upgrade",
          "Upgrade: websocket",
          "Sec-WebSocket-Version: 13",
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ];
        const where = way === "direct" ? straight : { path: nginx.socketPath };
        // The origin ends it.
        const socket = open(where);
        socket.write(request("GET /ws", fields, "behind the head"));
        const answers = answersOf(socket);
        const switched = await answers.next();
        expect(switched.status).toBe(101);
        expect(fieldOf(switched.fields, "sec-websocket-accept")).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        expect(await answers.bytes(15)).toBe("behind the head");
        socket.write("end");
        expect(await answers.rest()).toBe("bye");
        socket.end();
        await until(() => ended.length === 1);
        // The client resets it.
        const other = open(where);
        other.write(request("GET /ws", fields));
        expect((await answersOf(other).next()).status).toBe(101);
        other.destroy();
        await until(() => ended.length === 2);
      },
    );

    test("an origin that refuses the upgrade has its response passed on", async () => {
      const silent = await rawOrigin((socket) => {
        socket.once("data", () => socket.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"));
      });
      const where = await before(silent.url);
      const refused = await ask(where, request("GET /ws", ["Connection: Upgrade", "Upgrade: websocket"]));
      expect([refused.status, refused.body]).toEqual([403, "no"]);
    });

    test("an upgrade to another protocol is ignored", async () => {
      const answer = await ask(
        straight,
        request("GET /h2c", ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA"]),
      );
      expect([answer.status, answer.body]).toEqual([200, "GET /h2c"]);
      expect(fieldOf(site.seen[0]!.fields, "upgrade")).toBeUndefined();
    });

    test("the response head of a stream is sent before its first data", async () => {
      let finish = () => {};
      site.answers.set("/events", (_incoming, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.flushHeaders();
        finish = () => response.end("data: late\n\n");
      });
      const socket = open(straight);
      socket.write(request("GET /events"));
      const [head] = await once(socket, "data");
      expect(String(head)).toContain("text/event-stream");
      finish();
      socket.destroy();
    });
  });

  describe("file descriptors and memory", () => {
    test("1,500 connections that are aborted at random leave no open descriptor", async () => {
      site.answers.set("/endless", (_incoming, response) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write("x".repeat(1000)), 5);
        response.on("close", () => clearInterval(timer));
        if (Math.random() < 0.3) setTimeout(() => response.destroy(), 20 * Math.random());
      });
      site.answers.set("/early", (_incoming, response) => {
        response.writeHead(413).end("no");
      });
      const kinds = [
        () => request("GET /endless"),
        () => request("POST /upload", ["Content-Length: 100000"], "x".repeat(1000)),
        () => request("POST /early", ["Content-Length: 100000"], "x".repeat(1000)),
        () => request("POST /upload", ["Transfer-Encoding: chunked"], "5\r\nhello\r\n"),
        () => "GET /half HT",
        () => request("GET /ws", ["Connection: Upgrade", "Upgrade: websocket"]),
      ];
      await ask(straight, request("GET /warm"));
      const pid = server.pid;
      const began = descriptors(pid);
      let left = 1500;
      const breakOff = async () => {
        while (left-- > 0) {
          const socket = open(straight);
          socket.write(kinds[left % kinds.length]!());
          await new Promise((resolve) => setTimeout(resolve, 25 * Math.random()));
          if (left % 3 === 0) socket.resetAndDestroy();
          else socket.destroy();
        }
      };
      await Promise.all(Array.from({ length: 30 }, breakOff));
      // Idle connections to the origin end after 4 s.
      await until(() => descriptors(pid) <= began + 2);
      expect((await ask(straight, request("GET /after"))).status).toBe(200);
    });

    test("bodies of 1 GB pass in both directions, and memory grows by less than a third of that", async () => {
      const part = Buffer.alloc(256 * 1024, "0123456789abcdef");
      const PARTS = 4000;
      site.answers.set("/down", (_incoming, response) => {
        response.writeHead(200, { "content-length": PARTS * part.length });
        let parts = PARTS;
        const write = () => {
          while (parts-- > 0) if (!response.write(part)) return response.once("drain", write);
          response.end();
        };
        write();
      });
      let received = 0;
      site.answers.set("/up", (incoming, response) => {
        incoming.on("data", (chunk) => {
          received += chunk.length;
        });
        incoming.on("end", () => response.end("thanks"));
      });
      // Bun's limit for garbage grows with the memory in use, which includes the tables.
      const small = await before(site.url, { throttle: { maxKeys: 1000, addressesPerHour: 1000 } });
      const pid = small.server.pid;
      const began = residentBytes(pid);
      let peak = began;
      const watch = setInterval(() => {
        peak = Math.max(peak, residentBytes(pid));
      }, 10);

      const down = open(small);
      down.write(request("GET /down", ["Connection: close"]));
      let length = 0;
      let isPaused = false;
      down.on("data", (chunk) => {
        length += chunk.length;
        if (isPaused || length < 10 * MIB) return;
        // While a client does not read, the proxy must not buffer the body.
        isPaused = true;
        down.pause();
        setTimeout(() => down.resume(), 300);
      });
      await once(down, "end");
      expect(length).toBeGreaterThan(PARTS * part.length);

      const up = open(small);
      up.write(request("POST /up", [`Content-Length: ${PARTS * part.length}`]));
      const answer: Promise<RawAnswer> = answersOf(up).next();
      for (let i = 0; i < PARTS; i++) if (!up.write(part)) await once(up, "drain");
      expect((await answer).body).toBe("thanks");
      up.destroy();
      clearInterval(watch);
      expect(received).toBe(PARTS * part.length);
      expect(peak - began).toBeLessThan((PARTS * part.length) / 3);
    });
  });
});

/** A listener of Deno that runs out of descriptors never accepts again. */
test.each(processes)("%s with 256 descriptors recovers after 400 idle connections", async (runtime) => {
  const site = await startSite();
  const server = await serveSite(runtime, site.url, {}, 256);
  const where = { host: "127.0.0.1", port: server.port };
  for (let round = 0; round < 2; round++) {
    const idle = Array.from({ length: 400 }, () => open(where));
    await Promise.all(idle.map((socket) => Promise.race([once(socket, "connect"), once(socket, "close")])));
    for (const socket of idle) socket.destroy();
    // Each attempt has a connection of its own; the first ones may overlap with the idle connections.
    let answer: RawAnswer | null = null;
    while (answer === null) answer = await ask(where, request("GET /after")).catch(() => null);
    expect(answer.status).toBe(200);
  }
  await server.stop();
  await site.stop();
});
