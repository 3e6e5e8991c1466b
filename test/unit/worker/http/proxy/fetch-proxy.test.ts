import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { createLog } from "../../../../../runtime/observe/log.ts";
import type { Fetch } from "../../../../../runtime/platform.ts";
import { NO_HEADERS, readProtocol } from "../../../../../worker/http/client.ts";
import { proxyTo } from "../../../../../worker/http/proxy/fetch-proxy.ts";
import { rawFetch } from "../../../../../worker/http/raw-fetch.ts";
import { manualClock } from "../../../../support/manual-clock.ts";

const MIB = 1024 * 1024;
const TIMEOUT_MS = 30_000;
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections?.();
    server.close();
    await once(server, "close");
  }
});

/** Starts an origin on a free loopback port. */
async function startOrigin(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A proxy in front of an origin. */
function proxy(origin: string, options: { fetch?: Fetch; protocolHeader?: string } = {}) {
  const clock = manualClock();
  const lines: string[] = [];
  const handler = proxyTo<[]>({
    origin,
    fetch: options.fetch ?? rawFetch,
    isOwnField: (name) => name.startsWith("x-own-"),
    timeoutMs: TIMEOUT_MS,
    clientOf: (request) => ({
      ip: "203.0.113.1",
      protocol: readProtocol(request.headers, null, {
        ...NO_HEADERS,
        protocolHeader: options.protocolHeader ?? null,
      }),
    }),
    tracer: { begin: () => null },
    clock,
    log: createLog({ level: "debug", write: (line) => lines.push(line), clock }),
  });
  const send = async (what: string | Request, init: RequestInit & { duplex?: "half" } = {}) =>
    handler(typeof what === "string" ? new Request(`http://site.example${what}`, init) : what);
  return { send, clock, records: () => lines.map((line) => JSON.parse(line)) };
}

/** Resolves with the request after the origin has answered. */
async function seenBy(ask: (origin: string) => Promise<unknown>) {
  let seen: IncomingMessage | undefined;
  const origin = await startOrigin((request, response) => {
    seen = request;
    request.resume();
    request.on("end", () => response.end("ok"));
  });
  await ask(origin);
  return { ...seen!, headers: seen!.headers, url: seen!.url, method: seen!.method, origin };
}

const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

/** A body of `count` chunks that counts the chunks read. */
function chunked(count: number, chunk: Uint8Array) {
  const state = { pulled: 0, cancelled: false };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (state.pulled++ < count) controller.enqueue(chunk);
        else controller.close();
      },
      cancel() {
        state.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { body, state };
}

/** Waits for an effect on a socket, up to the timeout of the test. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("the request", () => {
  test("reaches the origin with method, path, query, headers and body", async () => {
    let body = "";
    const origin = await startOrigin(async (request, response) => {
      body = await text(request);
      response.end(`${request.method} ${request.url} ${request.headers["x-custom"]}`);
    });
    const response = await proxy(origin).send("/a%20b/../c?x=1&y=%2F", {
      method: "PATCH",
      headers: { "x-custom": "kept" },
      body: "the body",
    });
    expect(await response.text()).toBe("PATCH /c?x=1&y=%2F kept");
    expect(body).toBe("the body");
  });

  test.each(["//other.example/path", "/http://other.example/", "/a//b", "/@other.example"])(
    "the path %s stays a path",
    async (path) => {
      const { url, headers, origin } = await seenBy((to) => proxy(to).send(path));
      expect(url).toBe(path);
      expect(headers.host).toBe(new URL(origin).host);
    },
  );

  test("loses hop-by-hop headers, forged X-Forwarded-* headers and the service's own headers", async () => {
    const { headers } = await seenBy((origin) =>
      proxy(origin).send("/", {
        headers: {
          connection: "keep-alive, X-Hop, cookie",
          "x-hop": "1",
          cookie: "named=by-connection",
          "keep-alive": "timeout=5",
          te: "trailers",
          trailer: "x-later",
          upgrade: "h2c",
          "proxy-authorization": "Basic x",
          "x-own-id": "forged",
          "X-Own-Anything": "forged",
          forwarded: "for=forged",
          "x-forwarded-for": "forged",
          "x-forwarded-host": "forged",
          "x-forwarded-proto": "forged",
          "x-forwarded-prefix": "/forged",
          "x-real-ip": "forged",
          accept: "text/html",
        },
      }),
    );
    expect(JSON.stringify(headers)).not.toMatch(/forged/);
    for (const gone of ["x-hop", "cookie", "te", "trailer", "upgrade", "proxy-authorization", "forwarded"]) {
      expect(headers).not.toHaveProperty(gone);
    }
    expect(headers.connection).toBe("keep-alive");
    expect(headers).toMatchObject({
      accept: "text/html",
      "x-forwarded-for": "203.0.113.1",
      "x-forwarded-host": "site.example",
      "x-forwarded-proto": "http",
    });
  });

  test("carries the scheme from the trusted header if it is http or https", async () => {
    const ask = (value: string) =>
      seenBy((origin) =>
        proxy(origin, { protocolHeader: "x-scheme" }).send("/", { headers: { "x-scheme": value } }),
      );
    expect((await ask("https")).headers["x-forwarded-proto"]).toBe("https");
    expect((await ask("gopher")).headers["x-forwarded-proto"]).toBe("http");
  });

  test.each(["POST", "DELETE", "OPTIONS"])(
    "%s without a body has none at the origin either",
    async (method) => {
      // On Node every request but GET and HEAD has a stream, possibly empty.
      const { headers } = await seenBy((origin) =>
        proxy(origin).send("/", { method, body: chunked(0, new Uint8Array()).body, duplex: "half" }),
      );
      expect(headers["transfer-encoding"]).toBeUndefined();
      expect(headers["content-length"] ?? "0").toBe("0");
    },
  );

  test("streams a large body to the origin unchanged", async () => {
    const hash = createHash("sha256");
    const origin = await startOrigin((request, response) => {
      request.on("data", (chunk) => hash.update(chunk));
      request.on("end", () => response.end(hash.digest("hex")));
    });
    const chunk = new Uint8Array(MIB / 4).map((_, i) => i * 7);
    const { body } = chunked(256, chunk);
    const response = await proxy(origin).send("/", { method: "POST", body, duplex: "half" });
    expect(await response.text()).toBe(sha256(Buffer.concat(Array.from({ length: 256 }, () => chunk))));
  });

  test("an origin that does not read stops the client from sending", async () => {
    const origin = await startOrigin(() => {});
    const { body, state } = chunked(10_000, new Uint8Array(MIB / 16));
    const gone = new AbortController();
    const answer = proxy(origin).send("/", { method: "POST", body, duplex: "half", signal: gone.signal });
    let before = -1;
    while (state.pulled !== before) {
      before = state.pulled;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(state.pulled).toBeLessThan(1000);
    gone.abort();
    await answer;
    await until(() => state.cancelled);
  });

  test("an early response of the origin reaches the client", async () => {
    const origin = await startOrigin((_request, response) => {
      response.writeHead(413, { connection: "close" }).end("too large");
    });
    const { body } = chunked(10_000, new Uint8Array(MIB / 16));
    const response = await proxy(origin).send("/", { method: "POST", body, duplex: "half" });
    expect(response.status).toBe(413);
    expect(await response.text()).toBe("too large");
  });

  test("a WebSocket is refused with 501; other upgrades are ignored", async () => {
    const origin = await startOrigin((_request, response) => response.end("ok"));
    const refused = await proxy(origin).send("/", {
      headers: { upgrade: "WebSocket", connection: "upgrade" },
    });
    expect(refused.status).toBe(501);
    const other = await proxy(origin).send("/", { headers: { upgrade: "h2c", connection: "upgrade" } });
    expect(other.status).toBe(200);
  });
});

describe("the response", () => {
  const answering = (respond: (response: ServerResponse, request: IncomingMessage) => void) =>
    startOrigin((request, response) => respond(response, request));

  test("keeps status, headers and every Set-Cookie, and loses hop-by-hop headers", async () => {
    const origin = await answering((response) => {
      response.writeHead(418, {
        "set-cookie": ["a=1; Path=/", "b=2; Expires=Wed, 21 Oct 2099 07:28:00 GMT"],
        connection: "keep-alive, x-hop",
        "x-hop": "1",
        "x-kept": "1",
        "proxy-authenticate": "Basic",
        trailer: "x-later",
      });
      response.write("teapot");
      response.addTrailers({ "x-later": "ignored" });
      response.end();
    });
    const response = await proxy(origin).send("/");
    expect(response.status).toBe(418);
    expect(response.headers.getSetCookie()).toEqual([
      "a=1; Path=/",
      "b=2; Expires=Wed, 21 Oct 2099 07:28:00 GMT",
    ]);
    for (const gone of [
      "connection",
      "x-hop",
      "proxy-authenticate",
      "trailer",
      "transfer-encoding",
      "x-later",
    ]) {
      expect(response.headers.has(gone), gone).toBe(false);
    }
    expect(response.headers.get("x-kept")).toBe("1");
    expect(await response.text()).toBe("teapot");
  });

  test("a redirect is forwarded", async () => {
    const origin = await answering((response) => response.writeHead(302, { location: "/elsewhere" }).end());
    const response = await proxy(origin).send("/");
    expect(response.status).toBe(302);
    expect(response.headers.get("location")).toBe("/elsewhere");
  });

  test.each([204, 304])("%i has no body", async (status) => {
    const origin = await answering((response) => response.writeHead(status, { etag: '"e"' }).end());
    const response = await proxy(origin).send("/");
    expect(response.status).toBe(status);
    expect(response.body).toBeNull();
    expect(response.headers.get("etag")).toBe('"e"');
  });

  test("a response to HEAD keeps Content-Length", async () => {
    const origin = await answering((response) => response.writeHead(200, { "content-length": 1234 }).end());
    const response = await proxy(origin).send("/", { method: "HEAD" });
    expect(response.headers.get("content-length")).toBe("1234");
    expect(response.body).toBeNull();
  });

  test("a compressed body is forwarded unchanged", async () => {
    const packed = gzipSync("abc".repeat(10_000));
    const origin = await answering((response, request) => {
      expect(request.headers["accept-encoding"]).toBe("gzip, br");
      response.writeHead(200, { "content-encoding": "gzip", "content-length": packed.length }).end(packed);
    });
    const response = await proxy(origin).send("/", { headers: { "accept-encoding": "gzip, br" } });
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(response.headers.get("content-length")).toBe(String(packed.length));
    expect(Buffer.from(await response.arrayBuffer()).equals(packed)).toBe(true);
  });

  test("a large body streams to the client unchanged", async () => {
    const chunk = Buffer.alloc(MIB / 4, "0123456789abcdef");
    const origin = await answering((response) => {
      let left = 256;
      const write = () => {
        while (left-- > 0) if (!response.write(chunk)) return response.once("drain", write);
        response.end();
      };
      write();
    });
    const hash = createHash("sha256");
    const response = await proxy(origin).send("/");
    for await (const part of response.body!) hash.update(part);
    expect(hash.digest("hex")).toBe(sha256(Buffer.concat(Array.from({ length: 256 }, () => chunk))));
  });

  test("the first chunk arrives before the rest is written, and a slow reader stops the origin", async () => {
    let written = 0;
    const origin = await answering((response) => {
      const chunk = Buffer.alloc(MIB / 16);
      const write = () => {
        while (written < 10_000 && !response.destroyed) {
          written++;
          if (!response.write(chunk)) return response.once("drain", write);
        }
      };
      write();
    });
    const response = await proxy(origin).send("/");
    const reader = response.body!.getReader();
    expect((await reader.read()).done).toBe(false);
    let before = -1;
    while (written !== before) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(written).toBeLessThan(1000);
    await reader.cancel();
  });

  test("the body fails if the origin closes the connection early", async () => {
    const origin = await answering((response) => {
      response.writeHead(200, { "content-length": 1000 });
      response.write("only this", () => response.destroy());
    });
    const response = await proxy(origin).send("/");
    await expect(response.text()).rejects.toThrow();
  });
});

describe("a failing origin", () => {
  /** A port without a listener. */
  async function deadOrigin(): Promise<string> {
    const server = createTcpServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    return `http://127.0.0.1:${port}`;
  }

  test("unreachable: the response is 502, and the cause is logged once", async () => {
    const { send, clock, records } = proxy(await deadOrigin());
    for (let i = 0; i < 20; i++) {
      const response = await send("/");
      expect(response.status).toBe(502);
      expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(await response.text()).toBe("the origin cannot be reached\n");
    }
    expect(records()).toMatchObject([
      { level: "error", error: { message: expect.stringMatching(/ECONNREFUSED/) } },
    ]);
    clock.advance(60_000);
    expect(records()[1]).toMatchObject({ repeats: 19 });
  });

  test("silent: the response is 504 after the timeout, and the connection is closed", async () => {
    let closed = false;
    const asked = Promise.withResolvers<void>();
    const origin = await startOrigin((_request, response) => {
      response.on("close", () => {
        closed = true;
      });
      asked.resolve();
    });
    const { send, clock, records } = proxy(origin);
    const answer = send("/");
    await asked.promise;
    clock.advance(TIMEOUT_MS - 1);
    expect(clock.waiting()).toBe(1);
    clock.advance(1);
    expect((await answer).status).toBe(504);
    await until(() => closed);
    expect(records()).toMatchObject([{ level: "error", message: expect.stringMatching(/in time/) }]);
  });

  test("the timeout restarts with each uploaded chunk and ends with the head of the response", async () => {
    const { send, clock } = proxy(
      await startOrigin((request, response) => {
        request.resume();
        request.on("end", () => {
          response.write("head");
          setTimeout(() => response.end(" and body"), 50);
        });
      }),
    );
    let sent = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          clock.advance(TIMEOUT_MS - 1);
          if (sent++ < 10) controller.enqueue(new Uint8Array(10));
          else controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    const response = await send("/", { method: "POST", body, duplex: "half" });
    expect(response.status).toBe(200);
    expect(clock.waiting()).toBe(0);
    clock.advance(10 * TIMEOUT_MS);
    expect(await response.text()).toBe("head and body");
  });

  test("not speaking HTTP: the response is 502", async () => {
    const server = createTcpServer((socket) => socket.end("this is no HTTP\r\n\r\n")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    expect((await proxy(`http://127.0.0.1:${port}`).send("/")).status).toBe(502);
    server.close();
  });

  test("closing an idle connection while it is reused: the request is retried", async () => {
    let requests = 0;
    const server = createTcpServer((socket) => {
      socket.on("error", () => {});
      // Each connection serves one request, announces keep-alive, and closes without reading the next.
      let used = false;
      socket.on("data", () => {
        requests++;
        if (used) return socket.resetAndDestroy();
        used = true;
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok");
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { send } = proxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    let sent = 0;
    // A connection becomes idle shortly after the end of the body, so the first requests may each open one.
    while (requests <= sent && sent < 500) {
      const response = await send("/");
      sent++;
      expect(response.status).toBe(200);
      expect(await response.text()).toBe("ok");
    }
    expect(requests).toBeGreaterThan(sent);
    server.close();
  });
});

describe("a client that disconnects", () => {
  test("before the head: the connection to the origin is closed", async () => {
    let closed = false;
    const asked = Promise.withResolvers<void>();
    const origin = await startOrigin((_request, response) => {
      response.on("close", () => {
        closed = true;
      });
      asked.resolve();
    });
    const gone = new AbortController();
    const { send, clock, records } = proxy(origin);
    const answer = send("/", { signal: gone.signal });
    await asked.promise;
    gone.abort();
    await answer;
    await until(() => closed);
    expect(clock.waiting()).toBe(0);
    expect(records()).toEqual([]);
  });

  test("during the body: the connection to the origin is closed", async () => {
    let closed = false;
    const origin = await startOrigin((_request, response) => {
      const writing = setInterval(() => response.write("more"), 5);
      response.on("close", () => {
        closed = true;
        clearInterval(writing);
      });
    });
    const response = await proxy(origin).send("/");
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
    await until(() => closed);
  });

  test("the listener on the request's signal is removed after the head", async () => {
    let listening = 0;
    const origin = await startOrigin((_request, response) => response.end("ok"));
    for (const { send } of [proxy(origin), proxy("http://127.0.0.1:1")]) {
      const { signal } = new AbortController();
      const { addEventListener, removeEventListener } = signal;
      signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
        listening++;
        addEventListener.apply(signal, args);
      };
      signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
        listening--;
        removeEventListener.apply(signal, args);
      };
      const request = new Request("http://site.example/");
      Object.defineProperty(request, "signal", { value: signal });
      await (await send(request)).text();
      expect(listening).toBe(0);
    }
  });
});
