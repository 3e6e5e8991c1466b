import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
} from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configFile } from "../support/config-file.ts";
import { ask } from "../support/raw-http.ts";
import { runCli } from "../support/run-cli.ts";
import { type ProcessRuntime, spawnServer } from "../support/spawn.ts";
import type { RunningProgram } from "../support/start-program.ts";
import { logged } from "./target.ts";

const MIB = 1024 * 1024;
const processes: ProcessRuntime[] = ["node", "bun", "deno"];
const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1"),
);

/** A site whose paths each try one thing. */
function site() {
  /** How many responses were closed before their end. */
  let brokenOff = 0;
  /** Responses that wait to be let go. */
  const waiting: (() => void)[] = [];
  const packed = gzipSync("abc".repeat(10_000));
  const chunk = Buffer.alloc(MIB / 4, "0123456789abcdef");
  const last: { request?: IncomingMessage } = {};

  const listener: RequestListener = (request, response) => {
    last.request = request;
    response.on("close", () => {
      if (!response.writableFinished) brokenOff++;
    });
    const path = request.url!.split("?")[0];
    if (path === "/hash") {
      const hash = createHash("sha256");
      request.on("data", (part) => hash.update(part));
      request.on("end", () => response.end(hash.digest("hex")));
      return;
    }
    request.resume();
    if (path === "/wait") waiting.push(() => response.end("waited"));
    else if (path === "/wait-half") {
      response.write("first ");
      waiting.push(() => response.end("second"));
    } else if (path === "/gzip") {
      response.writeHead(200, { "content-encoding": "gzip", "content-length": packed.length });
      response.end(request.method === "HEAD" ? undefined : packed);
    } else if (path === "/cookies") {
      response.writeHead(200, { "set-cookie": ["a=1; Path=/", "b=2"] }).end();
    } else if (path === "/204" || path === "/304") {
      response.writeHead(Number(path.slice(1)), { etag: '"e"' }).end();
    } else if (path === "/redirect") {
      response.writeHead(302, { location: "https://elsewhere.example/" }).end();
    } else if (path === "/break") {
      response.writeHead(200, { "content-length": 1000 });
      response.write("only this", () => response.destroy());
    } else if (path === "/large") {
      let left = 128;
      const write = () => {
        while (left-- > 0) if (!response.write(chunk)) return response.once("drain", write);
        response.end();
      };
      write();
    } else if (path === "/endless") {
      const writing = setInterval(() => response.write("more"), 10);
      response.on("close", () => clearInterval(writing));
    } else response.end(`${request.method} ${request.url}`);
  };
  const server = createServer({ maxHeaderSize: 256 * 1024 }, listener);
  return {
    server,
    last,
    packed,
    largeHash: createHash("sha256")
      .update(Buffer.concat(Array.from({ length: 128 }, () => chunk)))
      .digest("hex"),
    brokenOff: () => brokenOff,
    waiting,
  };
}

interface Got {
  status: number;
  headers: IncomingMessage["headers"];
  rawHeaders: string[];
  body: Buffer;
}

/** One request over `node:http`, which leaves bodies and headers as they are. */
function get(
  base: string,
  path: string,
  options: { method?: string; headers?: Record<string, string>; agent?: Agent; body?: Uint8Array } = {},
): Promise<Got> {
  const { body, agent = false, ...rest } = options;
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(new URL(path, base), {
      ...rest,
      agent,
      signal: AbortSignal.timeout(30_000),
    });
    outgoing.on("error", reject);
    outgoing.on("response", async (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("error", reject);
      incoming.on("data", (part) => chunks.push(part));
      incoming.on("end", () => {
        const { statusCode: status = 0, headers, rawHeaders } = incoming;
        resolve({ status, headers, rawHeaders, body: Buffer.concat(chunks) });
      });
    });
    outgoing.end(body);
  });
}

/**
 * Sends bytes as they are.
 * @param end `answer`: what came back once the server closed; `head`: the first of it, which a connection that is kept
 * open would keep us waiting for longer.
 */
async function raw(base: string, bytes: string, end: "answer" | "head"): Promise<string> {
  const { hostname, port } = new URL(base);
  const socket = connect(Number(port), hostname);
  socket.setTimeout(30_000, () => socket.destroy());
  socket.write(Buffer.from(bytes, "latin1"));
  if (end === "answer") return text(socket);
  try {
    const [head] = await Promise.race([once(socket, "data"), once(socket, "end").then(() => [""])]);
    return String(head);
  } catch {
    return "";
  } finally {
    socket.destroy();
  }
}

/** Waits for something that another process does; bounded by the test's own time. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe.each(processes)("serve on %s", (runtime) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-serve-"));
  const origin = site();
  let originUrl: string;

  /** Writes a configuration and gives its path. */
  function config(name: string, part: object = {}): string {
    const path = join(folder, `${name}.json`);
    writeFileSync(
      path,
      JSON.stringify(
        configFile({
          listen: { port: 0 },
          store: "memory:",
          publisher: { domain: "site.example", origin: originUrl },
          consent: { assumeCountry: "JP" },
          passphrases: ["publisher-chosen-secret"],
          ...part,
        }),
      ),
    );
    return path;
  }

  const start = (name: string, part?: object, env?: Record<string, string>) =>
    spawnServer(runtime, ["worker/cli/main.ts", "serve", "--config", config(name, part)], env);
  const failing = (name: string, part?: object) => runCli(runtime, ["serve", "--config", config(name, part)]);

  beforeAll(async () => {
    origin.server.listen(0, "127.0.0.1");
    await once(origin.server, "listening");
    originUrl = `http://127.0.0.1:${(origin.server.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    origin.server.closeAllConnections();
    origin.server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  describe("while it runs", () => {
    let server: RunningProgram;
    let url: string;

    beforeAll(async () => {
      server = await start("running", { client: {} }, { MILLRACE_LOG: "debug" });
      url = server.url;
    });

    afterAll(async () => {
      await server?.stop("SIGKILL");
    });

    test("its readiness is one line on standard output, its log is JSON on standard error", async () => {
      await get(url, "/");
      expect(server.output()).toBe(`millrace edge-cookie listening on ${url}\n`);
      await logged(server, /"message":"listening"/);
      const lines = server.log().trim().split("\n");
      const records = lines.map((line) => JSON.parse(line));
      expect(records.every(({ time, level, message }) => time && level && message)).toBe(true);
    });

    test("the page, the cookie, and the client's own address at the origin", async () => {
      const { status, headers, body } = await get(url, "/page?a=1", {
        headers: { "x-forwarded-for": "192.0.2.1" },
      });
      expect(status).toBe(200);
      expect(body.toString()).toBe("GET /page?a=1");
      expect(headers["set-cookie"]).toEqual([
        expect.stringMatching(/^ts-ec=[0-9a-f]{64}\.\w{6}; Domain=\.site\.example;/),
      ]);
      const seen = origin.last.request!.headers;
      expect(seen).toMatchObject({
        host: new URL(url).host,
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-host": new URL(url).host,
        "x-forwarded-proto": "http",
      });
    });

    test("a page without a media type is given none", async () => {
      expect((await get(url, "/")).headers).not.toHaveProperty("content-type");
    });

    test("an answer of the service itself has its length, and is not sent in chunks", async () => {
      const cookie = (await get(url, "/")).headers["set-cookie"]![0]!.split(";")[0]!;
      const { status, headers, body } = await get(url, "/identify", { headers: { cookie } });
      expect(status).toBe(200);
      expect(headers["content-length"]).toBe(String(body.length));
      expect(headers).not.toHaveProperty("transfer-encoding");
    });

    test("several cookies stay several", async () => {
      const { headers } = await get(url, "/cookies");
      expect(headers["set-cookie"]!.filter((line) => !line.startsWith("ts-ec="))).toEqual([
        "a=1; Path=/",
        "b=2",
      ]);
      expect(headers["set-cookie"]).toHaveLength(3);
    });

    test("a compressed body passes byte for byte, and HEAD tells its length", async () => {
      const got = await get(url, "/gzip", { headers: { "accept-encoding": "gzip" } });
      expect(got.headers["content-encoding"]).toBe("gzip");
      expect(got.headers["content-length"]).toBe(String(origin.packed.length));
      expect(got.body.equals(origin.packed)).toBe(true);
      const head = await get(url, "/gzip", { method: "HEAD", headers: { "accept-encoding": "gzip" } });
      expect(head.headers["content-length"]).toBe(String(origin.packed.length));
      expect(head.body).toHaveLength(0);
    });

    test.each(["/204", "/304"])("%s has no body", async (path) => {
      const { status, headers, body } = await get(url, path);
      expect(status).toBe(Number(path.slice(1)));
      expect(headers.etag).toBe('"e"');
      expect(body).toHaveLength(0);
    });

    test("a redirect is passed on", async () => {
      const { status, headers } = await get(url, "/redirect");
      expect([status, headers.location]).toEqual([302, "https://elsewhere.example/"]);
    });

    test("large bodies pass whole, up and down", async () => {
      const down = await get(url, "/large");
      expect(createHash("sha256").update(down.body).digest("hex")).toBe(origin.largeHash);
      const body = Buffer.alloc(32 * MIB, "0123456789abcdef");
      const up = await get(url, "/hash", { method: "POST", body });
      expect(up.body.toString()).toBe(createHash("sha256").update(body).digest("hex"));
    });

    test.each([
      ["", ""],
      [", with a trailer", "X-Later: ignored\r\n"],
    ])("an upload in chunks%s passes", async (_what, trailer) => {
      const answer = await raw(
        url,
        "POST /hash HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" +
          `5\r\nhello\r\n6\r\n world\r\n0\r\n${trailer}\r\n`,
        "answer",
      );
      expect(answer).toContain(createHash("sha256").update("hello world").digest("hex"));
    });

    test("a body that breaks off at the origin breaks off here", async () => {
      await expect(get(url, "/break")).rejects.toThrow();
      expect((await get(url, "/")).status).toBe(200);
    });

    test("a client that goes away ends the work at the origin", async () => {
      for (const path of ["/wait", "/endless"]) {
        const before = origin.brokenOff();
        const waiting = origin.waiting.length;
        const outgoing = httpRequest(new URL(path, url), { agent: false });
        outgoing.on("error", () => {});
        outgoing.end();
        if (path === "/wait") await until(() => origin.waiting.length > waiting);
        else await once(outgoing, "response");
        outgoing.destroy();
        await until(() => origin.brokenOff() > before);
      }
    });

    test("a cookie header of 64 KB reaches the origin", async () => {
      const cookie = `a=${"x".repeat(63_998)}`;
      expect((await get(url, "/", { headers: { cookie } })).status).toBe(200);
      expect(origin.last.request!.headers.cookie).toHaveLength(64_000);
    });

    test.each([
      ["no HTTP at all", "GARBAGE\r\n\r\n"],
      ["no host", "GET / HTTP/1.1\r\n\r\n"],
      ["an impossible host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"],
      ["two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
      ["a negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"],
      ["a length that is none", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"],
      ["a control character in a header", "GET / HTTP/1.1\r\nHost: a\r\nX-A: \u0001\r\n\r\n"],
      ["a header without a name", "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n"],
      ["a broken chunk", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
      ["CONNECT", "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n"],
      ["TRACE", "TRACE / HTTP/1.1\r\nHost: a.example\r\n\r\n"],
      ["an absolute target", "GET http://other.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"],
      ["a backslash", "GET /\\..\\x HTTP/1.1\r\nHost: a.example\r\n\r\n"],
      ["a head beyond all bounds", `GET / HTTP/1.1\r\nHost: a\r\nX-A: ${"x".repeat(600 * 1024)}\r\n\r\n`],
    ])("survives %s", async (_what, bytes) => {
      const answer = await raw(url, bytes, "head");
      // A refusal, a closed connection, or an ordinary answer; never a fault of ours, never the end.
      expect(answer).toMatch(/^(HTTP\/1\.1 (200|4\d\d|501) |$)/);
      expect((await get(url, "/")).status).toBe(200);
      expect(server.hasEnded()).toBe(false);
    });

    test("an absolute target leads to the origin all the same", async () => {
      await raw(
        url,
        "GET http://other.example/abs HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
        "answer",
      );
      expect(origin.last.request!.url).toBe("/abs");
    });
  });

  test("in good health nothing is logged above debug but its start", async () => {
    const server = await start("healthy");
    for (const path of ["/", "/cookies", "/gzip", "/204", "/304", "/redirect", "/large", "/_ts/health"]) {
      await get(server.url, path);
    }
    await get(server.url, "/hash", { method: "POST", body: Buffer.alloc(MIB) });
    expect(await server.stop()).toBe(0);
    const messages = server
      .log()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).message);
    expect(messages).toEqual(["listening", "stopping", "stopped"]);
  });

  describe("its start", () => {
    test("fails with 1 where another program listens, and says so", async () => {
      const other = createTcpServer().listen(0, "127.0.0.1");
      await once(other, "listening");
      const { port } = other.address() as AddressInfo;
      const { code, stdout, stderr } = await failing("taken", { listen: { port } });
      other.close();
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toContain(`cannot listen on http://127.0.0.1:${port}: another program does so already`);
    });

    test("fails with 1 where this machine has no such address", async () => {
      // Of the range that is kept for documentation.
      const { code, stderr } = await failing("elsewhere", { listen: { host: "203.0.113.7", port: 0 } });
      expect(code).toBe(1);
      expect(stderr).toMatch(/cannot listen on http:\/\/203\.0\.113\.7:0: this machine has no such address/);
    });

    test("fails with 1 where the store cannot be opened", async () => {
      const { code, stdout, stderr } = await failing("store", { store: "sqlite:/dev/null/graph.db" });
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(/cannot open the store: /);
    });

    test("fails with 1 where the host has no such store, and says which it has", async () => {
      const { code, stderr } = await failing("strange", { store: "tape:reel-to-reel" });
      expect(code).toBe(1);
      expect(stderr).toMatch(/edgeCookie\.store: .* one of memory:, sqlite:/);
      expect(stderr).not.toContain("reel");
    });

    test("fails with 1 on a faulty configuration", async () => {
      const { code, stderr } = await failing("faulty", {
        publisher: { domain: "localhost" },
        passphrases: [],
      });
      expect(code).toBe(1);
      expect(stderr).toMatch(/has 3 faults/);
    });

    test.skipIf(!hasIpv6)("an IPv6 address stands in brackets", async () => {
      const server = await start("ipv6", { listen: { host: "::1", port: 0 } });
      expect(server.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
      expect((await get(server.url, "/")).status).toBe(200);
      expect(origin.last.request!.headers["x-forwarded-for"]).toMatch(/./);
      const where = { host: "::1", port: Number(new URL(server.url).port) };
      expect((await ask(where, "GET /_ts/health HTTP/1.0\r\n\r\n")).status).toBe(200);
      expect(await server.stop()).toBe(0);
    });

    test("without a source of countries warns", async () => {
      const server = await start("warned", { consent: {} });
      await logged(server, /"level":"warn","message":"[^"]*client\.countryHeader/);
      expect(await server.stop()).toBe(0);
    });
  });

  describe("its end", () => {
    test.each(["SIGTERM", "SIGINT"] as const)(
      "%s: what is in flight is finished, nothing more accepted",
      async (signal) => {
        const server = await start(`drain-${signal}`);
        const before = origin.waiting.length;
        const agent = new Agent({ keepAlive: true });
        // An idle connection, which nobody has to wait for.
        await get(server.url, "/", { agent });
        const whole = get(server.url, "/wait");
        const half = get(server.url, "/wait-half", { agent });
        await until(() => origin.waiting.length === before + 2);
        const ended = server.stop(signal);
        await logged(server, /"stopping"/);
        let refused = false;
        while (!refused)
          refused = await get(server.url, "/late").then(
            () => false,
            () => true,
          );
        for (const go of origin.waiting.splice(0)) go();
        expect((await whole).body.toString()).toBe("waited");
        expect((await half).body.toString()).toBe("first second");
        expect(await ended).toBe(0);
        expect(server.log()).toMatch(/"message":"stopped"\}\n$/);
        expect(server.output()).toBe(`millrace edge-cookie listening on ${server.url}\n`);
        agent.destroy();
      },
    );

    test("what never ends is cut off, and the end is still orderly", async () => {
      const server = await start("endless");
      const before = origin.waiting.length;
      const endless = get(server.url, "/endless");
      const never = get(server.url, "/wait");
      const cut = Promise.all([expect(endless).rejects.toThrow(), expect(never).rejects.toThrow()]);
      await until(() => origin.waiting.length > before);
      expect(await server.stop()).toBe(0);
      await cut;
      expect(server.log()).toMatch(/"message":"stopped"\}\n$/);
    });

    // Safe first, section 5: SIGHUP must not end work that is under way.
    test("SIGHUP ends nothing", async () => {
      const server = await start("hangup");
      const before = origin.waiting.length;
      const waiting = get(server.url, "/wait");
      await until(() => origin.waiting.length > before);
      server.kill("SIGHUP");
      await logged(server, /"SIGHUP/);
      for (const go of origin.waiting.splice(0)) go();
      expect((await waiting).body.toString()).toBe("waited");
      expect(await server.stop()).toBe(0);
    });

    test("a second signal ends it at once", async () => {
      const server = await start("twice");
      const before = origin.waiting.length;
      const never = get(server.url, "/wait");
      const cut = expect(never).rejects.toThrow();
      await until(() => origin.waiting.length > before);
      server.kill("SIGTERM");
      await logged(server, /"stopping"/);
      expect(await server.stop("SIGINT")).toBe(1);
      await cut;
      expect(server.log()).not.toContain('"stopped"');
    });
  });

  test("the command line is the same", async () => {
    const all = await Promise.all([
      runCli(runtime, ["--version"]),
      runCli(runtime, ["hash"], { input: "secret\n" }),
      runCli(runtime, ["check", "--config", config("check")]),
      runCli(runtime, ["mint", "--ip", "203.0.113.1", "--config", config("mint")]),
      runCli(runtime, ["srve"]),
    ]);
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0, 2]);
    expect(all[1].stdout).toBe(`${createHash("sha256").update("secret").digest("hex")}\n`);
    expect(all[2].stdout).toBe("the configuration is valid; it runs: edge-cookie\n");
    expect(all[3].stdout).toMatch(/^[0-9a-f]{64}\.[0-9A-Za-z]{6}\n$/);
    expect(all[4].stderr).toMatch(/did you mean serve/);
  });
});
