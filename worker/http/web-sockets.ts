/**
 * Serves WebSockets (RFC 6455) on connections of a `node:http` server, on Node, Bun and Deno, with the library `ws`.
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { WebSocket, WebSocketServer } from "ws";
import { Fields } from "./proxy/fields.ts";
import { refuseOnSocket } from "./proxy/refuse.ts";
import { currentIds, inRequest } from "./request-scope.ts";
import type { SocketHooks, SocketPeer } from "./socket.ts";
import { noteStatus } from "./socket-status.ts";
import { textFrames } from "./text-frames.ts";

const MAX_MESSAGE_BYTES = 1024 ** 2;

/** Accepts WebSockets of one service. */
export interface WebSockets {
  /**
   * Switches a connection's protocol.
   * @param behind bytes that followed the request
   */
  accept(request: IncomingMessage, socket: Socket, behind: Buffer): void;
}

/**
 * Accepts WebSockets for the hooks of a service.
 * @param refusalHeaders of answers to requests that are no WebSocket's.
 */
export function acceptWebSockets(
  hooks: SocketHooks,
  refusalHeaders: Readonly<Record<string, string>> = {},
): WebSockets {
  let server: WebSocketServer | null = null;
  let loading: Promise<WebSocketServer> | null = null;
  // Loaded by the first connection: a start has none.
  const load = async () => {
    const { WebSocketServer } = await import("ws");
    server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: hooks.maxMessageBytes ?? MAX_MESSAGE_BYTES,
    });
    server.on("wsClientError", (_error, socket) =>
      refuseOnSocket(socket, { status: 400, message: "the request opens no WebSocket" }, refusalHeaders),
    );
    return server;
  };
  return {
    accept(request, socket, behind) {
      const fault = handshakeFault(request, hooks);
      if (fault !== null) return refuseOnSocket(socket, fault, { ...refusalHeaders, ...fault.fields });
      const upgrade = (by: WebSocketServer) =>
        by.handleUpgrade(request, socket, behind, (open) => {
          noteStatus(socket, 101);
          serveSocket(open, request, socket, hooks);
        });
      if (server !== null) return upgrade(server);
      loading ??= load();
      void loading.then(upgrade);
    },
  };
}

/** What is wrong with an opening handshake (RFC 6455, section 4.2); `null`: nothing. */
function handshakeFault(
  { url, headers }: IncomingMessage,
  { accepts }: SocketHooks,
): { status: number; message: string; fields?: Record<string, string> } | null {
  if (accepts?.(url!) === false) return { status: 404, message: "there are no WebSockets at this path" };
  if (headers["sec-websocket-version"] !== "13") {
    const fields = { "sec-websocket-version": "13" };
    return { status: 426, message: "version 13 of the WebSocket protocol is spoken here", fields };
  }
  const key = headers["sec-websocket-key"] ?? "";
  if (!/^[+/0-9A-Za-z]{22}==$/.test(key)) return { status: 400, message: "Sec-WebSocket-Key is missing" };
  return null;
}

/** Bun has an implementation of `ws` of its own, which writes to another socket. */
const OWNS_FRAMES = "Bun" in globalThis;

/** The frame of the text that was sent last: one event goes to many connections. */
let last: { readonly text: string; readonly frame: Buffer } = { text: "", frame: Buffer.alloc(0) };

/** Sends texts with one write. A connection that is closing sends none. */
function sendTexts(open: WebSocket, socket: Socket, texts: readonly string[]): void {
  if (open.readyState !== open.OPEN) return;
  if (OWNS_FRAMES) {
    for (const text of texts) open.send(text);
    return;
  }
  const [first] = texts;
  if (texts.length !== 1 || first === undefined) return void socket.write(textFrames(texts));
  if (last.text !== first) last = { text: first, frame: textFrames(texts) };
  socket.write(last.frame);
}

function serveSocket(open: WebSocket, request: IncomingMessage, socket: Socket, hooks: SocketHooks): void {
  const peer: SocketPeer = {
    address: socket.remoteAddress ?? null,
    headers: new Fields(request.rawHeaders),
    path: request.url!,
    get bufferedBytes() {
      return open.bufferedAmount;
    },
    send: (message) =>
      typeof message === "string" ? sendTexts(open, socket, [message]) : open.send(message),
    sendAll: (texts) => sendTexts(open, socket, texts),
    ping: () => open.ping(),
    close: (code = 1000, reason) => open.close(code, reason),
  };
  // Its events come from the connection, which began before the request.
  const ids = currentIds();
  // `ws` closes the connection. Without a listener the error would end the process.
  open.on("error", () => {});
  open.on("message", (data: Buffer, isBinary: boolean) =>
    inRequest(ids, () => hooks.message(peer, isBinary ? data : data.toString("utf8"))),
  );
  open.on("pong", () => inRequest(ids, () => hooks.pong?.(peer)));
  open.on("close", (code: number) => inRequest(ids, () => hooks.close?.(peer, code)));
  hooks.open?.(peer);
}
