/**
 * How GRASP connects to other relays, on Node, Bun and Deno, against servers that lie (L4, L19, T8, T11).
 * @module
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { MAX_UNSENT_BYTES } from "../../../worker/grasp/relay-sync/connection.ts";
import { dialOn, informationOn } from "../../support/dial/dial.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

const NAME = "relay.example";
/** The longest message that the tests take, in bytes. */
const MAX_MESSAGE_BYTES = 2 * 1024 ** 2;
const HERE = { [NAME]: ["127.0.0.1"] };
const servers: Server[] = [];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-dialer-"));
});
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A server on any port. */
async function listening(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** A server that does this with each connection. */
function raw(onConnection: (socket: Socket) => void): Promise<number> {
  return listening(
    createServer((socket) => {
      socket.on("error", () => {});
      onConnection(socket);
    }),
  );
}

/** A server that writes this after the request's head. */
function answering(answer: (head: string) => string | Buffer): Promise<number> {
  return raw((socket) => socket.once("data", (head) => socket.write(answer(String(head)))));
}

/** The head that accepts a WebSocket. */
function accepted(head: string, more = ""): string {
  const key = /sec-websocket-key: (.*)\r\n/i.exec(head)![1];
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${more}\r\n`;
}

/** A WebSocket that is accepted, and these bytes after it. */
function acceptedWith(bytes: number[] | Buffer, more?: string): Promise<number> {
  return answering((head) => Buffer.concat([Buffer.from(accepted(head, more)), Buffer.from(bytes)]));
}

/** A certificate for a name, and the file of the authority that signed it. */
function certificate(name: string): {
  readonly authority: string;
  readonly key: Buffer;
  readonly cert: Buffer;
} {
  const file = (ending: string) => join(folder, `${name}.${ending}`);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "ignore" });
  const kind = ["-newkey", "rsa:2048", "-nodes", "-days", "2"];
  const authority = [file("authority.pem"), file("authority.key")] as const;
  openssl("req", "-x509", ...kind, "-subj", "/CN=authority", "-out", authority[0], "-keyout", authority[1]);
  openssl(
    ...["req", "-x509", ...kind, "-subj", `/CN=${name}`, "-out", file("pem"), "-keyout", file("key")],
    ...["-CA", authority[0], "-CAkey", authority[1]],
    ...["-addext", `subjectAltName=DNS:${name}`, "-addext", "basicConstraints=critical,CA:FALSE"],
  );
  return { authority: authority[0], key: readFileSync(file("key")), cert: readFileSync(file("pem")) };
}

describe.each<ProcessRuntime>(["node", "bun", "deno"])("the dialer on %s", (runtime) => {
  test("connects to the checked address under the relay's name, asks once, and offers no compression (L4, R75)", async () => {
    const heads: Record<string, unknown>[] = [];
    const server = new WebSocketServer({ noServer: true, perMessageDeflate: true });
    const http = createHttpServer();
    http.on("upgrade", (request, socket, head) => {
      heads.push(request.headers);
      server.handleUpgrade(request, socket, head, (open) =>
        open.on("message", () => {
          open.send("x".repeat(MAX_MESSAGE_BYTES));
          open.send("bye");
        }),
      );
    });
    const port = await listening(http);
    const [result] = await dialOn(runtime, [
      { url: `ws://${NAME}:${port}/a`, addresses: HERE, act: "greet" },
    ]);
    expect(result).toMatchObject({ isOpen: true, lookups: 1, messages: [MAX_MESSAGE_BYTES, 3] });
    expect(heads).toEqual([
      expect.objectContaining({ host: `${NAME}:${port}`, "user-agent": "millrace/test" }),
    ]);
    expect(heads[0]).not.toHaveProperty("sec-websocket-extensions");
  });

  test("opens no connection to what is private, insecure without leave, or has one private address (T8, T69)", async () => {
    let connections = 0;
    const port = await raw(() => connections++);
    const url = `ws://${NAME}:${port}/`;
    const results = await dialOn(runtime, [
      { url, addresses: HERE, allowLoopback: false },
      { url, addresses: { [NAME]: ["198.51.100.1", "127.0.0.1"] }, allowLoopback: false },
      { url, addresses: { [NAME]: ["10.0.0.1"] } },
      { url: `ws://127.0.0.1:${port}/`, allowLoopback: false },
      { url: `ws://[::ffff:127.0.0.1]:${port}/`, allowLoopback: false },
      { url: "ws://169.254.169.254/" },
      { url, addresses: HERE, allowInsecure: false },
    ]);
    expect(results.map(({ isOpen, reason }) => !isOpen && reason)).toEqual(Array(7).fill("address"));
    expect(connections).toBe(0);
  });

  test("follows no redirect, and tells a busy server from one that speaks no WebSocket (L4)", async () => {
    let reached = 0;
    const target = await raw(() => reached++);
    const answer = (status: string, more = "") =>
      answering(() => `HTTP/1.1 ${status}\r\n${more}Content-Length: 0\r\n\r\n`);
    const ports = [
      await answer("302 Found", `Location: ws://127.0.0.1:${target}/\r\n`),
      await answer("200 OK"),
      await answer("404 Not Found"),
      await answer("429 Too Many Requests"),
      await answer("503 Service Unavailable"),
      await answering(() => "SSH-2.0-OpenSSH\r\n"),
      await answering((head) => accepted(head).replace(/Accept: ./, "Accept: .")),
    ];
    const results = await dialOn(
      runtime,
      ports.map((port) => ({ url: `ws://127.0.0.1:${port}/` })),
    );
    expect(results.map(({ isOpen, reason }) => !isOpen && reason)).toEqual([
      ...["protocol", "protocol", "protocol", "connection", "connection", "protocol", "protocol"],
    ]);
    expect(reached).toBe(0);
  });

  test("bounds the handshake: silence, a head byte by byte, a head without end (T11)", async () => {
    const ports = [
      await raw(() => {}),
      await raw((socket) => {
        socket.write("HTTP/1.1 101 Switching Protocols\r\n");
        const timer = setInterval(() => socket.write("a: b\r\n"), 50);
        socket.on("close", () => clearInterval(timer));
      }),
      await answering(
        () => `HTTP/1.1 101 Switching Protocols\r\n${`a: ${"b".repeat(1000)}\r\n`.repeat(1000)}`,
      ),
    ];
    const results = await dialOn(
      runtime,
      ports.map((port) => ({ url: `ws://127.0.0.1:${port}/`, openMs: 700 })),
    );
    expect(results.map(({ isOpen, reason }) => !isOpen && reason)).toEqual([
      ...["connection", "connection", "protocol"],
    ]);
  });

  test("closes on messages that are too long, compressed, binary or no UTF-8 (L19)", async () => {
    const part = (first: number, size: number) =>
      Buffer.concat([Buffer.from([first, 127, 0, 0, 0, 0, 0, 0x10, 0, 0]), Buffer.alloc(size, 97)]);
    const ports = [
      // A frame that says that 1 GiB follows; three parts of 1 MiB that make one message.
      await acceptedWith([0x81, 127, 0, 0, 0, 0, 0x40, 0, 0, 0]),
      await acceptedWith(Buffer.concat([part(0x01, 2 ** 20), part(0x00, 2 ** 20), part(0x80, 2 ** 20)])),
      await acceptedWith([0xc1, 3, 1, 2, 3]),
      await acceptedWith([0xc1, 3, 1, 2, 3], "Sec-WebSocket-Extensions: permessage-deflate\r\n"),
      await acceptedWith([0x82, 1, 65]),
      await acceptedWith([0x81, 2, 0xff, 0xfe]),
    ];
    const results = await dialOn(
      runtime,
      ports.map((port) => ({ url: `ws://127.0.0.1:${port}/` })),
    );
    expect(results.map(({ isOpen, messages, reason }) => [isOpen, messages, reason])).toEqual([
      [true, [], "too-large"],
      [true, [], "too-large"],
      [true, [], "protocol"],
      [false, [], "protocol"],
      [true, [], "protocol"],
      [true, [], "protocol"],
    ]);
  });

  test("keeps at most 4 MiB unsent for a relay that does not read, and closes it (R74)", async () => {
    const port = await raw((socket) => {
      socket.once("data", (head) => {
        socket.pause();
        socket.write(accepted(String(head)));
      });
    });
    const [result] = await dialOn(runtime, [{ url: `ws://127.0.0.1:${port}/`, act: "flood" }]);
    expect(result).toMatchObject({ isOpen: true, reason: "connection" });
    expect(result!.mostUnsent).toBeGreaterThan(2 ** 20);
    expect(result!.mostUnsent).toBeLessThanOrEqual(MAX_UNSENT_BYTES);
  });

  test("verifies TLS: the name, and who signed (L4)", async () => {
    const own = certificate(NAME);
    const names: string[] = [];
    const port = await listening(
      createTlsServer({
        key: own.key,
        cert: own.cert,
        SNICallback(name, done) {
          names.push(name);
          done(null);
        },
      }).on("upgrade", (request, socket) => {
        socket.on("error", () => {});
        socket.write(accepted(`sec-websocket-key: ${request.headers["sec-websocket-key"]}\r\n`));
        socket.write(Buffer.concat([Buffer.from([0x81, 3]), Buffer.from("bye")]));
      }),
    );
    const plain = await answering(() => "HTTP/1.1 400 Bad Request\r\n\r\n");
    const url = `wss://${NAME}:${port}/`;
    const [unknown] = await dialOn(runtime, [{ url, addresses: HERE }]);
    expect(unknown).toMatchObject({ isOpen: false, reason: "tls" });
    const [known, other, none] = await dialOn(
      runtime,
      [
        { url, addresses: HERE },
        { url: `wss://other.example:${port}/`, addresses: { "other.example": ["127.0.0.1"] } },
        { url: `wss://${NAME}:${plain}/`, addresses: HERE },
      ],
      own.authority,
    );
    expect(known).toMatchObject({ isOpen: true, messages: [3], lookups: 1 });
    expect([other, none]).toMatchObject([
      { isOpen: false, reason: "tls" },
      { isOpen: false, reason: "tls" },
    ]);
    expect(names).toContain(NAME);
  });

  test("reads what a relay says of itself within bounds, and nothing where it says nothing (L8, L13)", async () => {
    const document = (body: unknown, more = "") => {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      return answering((head) => {
        expect(head.toLowerCase()).toContain("accept: application/nostr+json");
        return `HTTP/1.1 200 OK\r\n${more}Content-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`;
      });
    };
    let connections = 0;
    const closed = await raw(() => connections++);
    const target = await document({ supported_nips: [77] });
    const ports = [
      await document({ supported_nips: [1, "x", 77], limitation: { max_subscriptions: 20, max_limit: 500 } }),
      await document({ supported_nips: "all", limitation: { max_subscriptions: -1, max_limit: 1.5 } }),
      await document([]),
      await document("["),
      await document(`{"a":${"[".repeat(40)}${"]".repeat(40)}}`),
      await document(" ".repeat(300_000)),
      await answering(() => `HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:${target}/\r\n\r\n`),
      await answering(() => "no HTTP\r\n\r\n"),
    ];
    const results = await informationOn(runtime, [
      ...ports.map((port) => ({ url: `ws://127.0.0.1:${port}/` })),
      { url: `ws://127.0.0.1:${closed}/`, allowLoopback: false },
    ]);
    expect(results).toEqual([
      { supportedNips: [1, 77], maxSubscriptions: 20, maxLimit: 500 },
      { supportedNips: null, maxSubscriptions: null, maxLimit: null },
      ...Array(7).fill(null),
    ]);
    expect(connections).toBe(0);
  });
});
