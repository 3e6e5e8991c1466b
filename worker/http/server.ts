/**
 * The HTTP server of Node, Bun and Deno, on `node:http`, which all three have.
 * @module
 */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Tracer } from "../../runtime/observe/tracer.ts";
import type { Log } from "../../runtime/platform.ts";
import { type Served, type Server, type SharedListen, urlOf } from "../hosts/server.ts";
import { type AccessLog, logAccess, logUpgrade } from "./access-log.ts";
import { fetchListener, TypedAsGiven } from "./fetch-listener.ts";
import { CLIENT_CLOCKS, MAX_HEADER_BYTES } from "./proxy/clocks.ts";
import { Fields } from "./proxy/fields.ts";
import { isEnding } from "./proxy/linger.ts";
import { linesOf, refuse, refuseOnSocket } from "./proxy/refuse.ts";
import { type RequestHead, readHead } from "./proxy/request-head.ts";
import { type ServedIds, showIds, takeIds } from "./request-ids.ts";
import { inRequest } from "./request-scope.ts";
import { traceAnswer, traceUpgrade } from "./server-span.ts";
import { siteOf } from "./site-of.ts";
import { acceptWebSockets, type WebSockets } from "./web-sockets.ts";

/** Interval at which a closing server ends idle connections, in milliseconds. */
const IDLE_CHECK_MS = 50;
/** Interval at which the server looks for request heads that take too long, in milliseconds. */
const HEAD_CHECK_MS = 5_000;
/** Descriptors that are reserved for the store, the log, partners and the runtime. */
const RESERVED_DESCRIPTORS = 64;
/**
 * Share of the others that connections of clients may have. Each request may need a connection to the origin; a service without one
 * has files and processes of its own.
 */
const CLIENTS_SHARE = { withOrigin: 1 / 2, withoutOrigin: 3 / 4 } as const;

/**
 * Most connections that a server accepts: one that runs out of descriptors can stop accepting.
 * @param descriptors as many as the process may open
 * @param hasOrigin whether a site passes requests on
 */
export function maxConnectionsOf(descriptors: number, hasOrigin: boolean): number {
  const share = CLIENTS_SHARE[hasOrigin ? "withOrigin" : "withoutOrigin"];
  return Math.max(1, Math.floor((descriptors - RESERVED_DESCRIPTORS) * share));
}

/**
 * Starts a server.
 * @param served at least one. The request's host selects one of several.
 * @param access default: no access log
 * @param tracer records a span for each request. Default: none is recorded.
 * @param onRequest called at the end of each request
 * @throws what the runtime throws if it cannot listen there.
 */
export async function serveHttp(
  served: readonly Served[],
  listen: SharedListen,
  log: Log,
  access?: AccessLog,
  tracer: Tracer | null = null,
  onRequest: () => void = () => {},
): Promise<Server> {
  // As a URL has it: an IPv6 address needs its brackets.
  const { hostname } = new URL(urlOf(listen));
  const onUnsendable = (error: unknown) => log.error("an answer cannot be sent", { error });
  const sites = served.map(({ handler, proxy, socket, hosts, uploadIdleMs, refusalHeaders = {} }) => ({
    own: fetchListener(handler, hostname, onUnsendable),
    proxy,
    sockets: socket && acceptWebSockets(socket, refusalHeaders),
    hosts,
    uploadIdleMs: uploadIdleMs ?? CLIENT_CLOCKS.uploadIdleMs,
    refusalHeaders,
  }));
  // Of requests that cannot be read the service is unknown.
  const refusalHeaders = Object.assign({}, ...sites.map((site) => site.refusalHeaders));
  const upgraded = new Set<Duplex>();
  /** Responses that are not on their way as a whole. */
  const open = new Set<ServerResponse>();

  function answer(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    if (isEnding(request.socket)) return void request.resume();
    const taken = takeIds(request);
    const ids = tracer === null ? taken : traceAnswer(tracer, request, response, taken);
    inRequest(ids, () => answerIn(ids, request, response, expectsContinue));
  }

  function answerIn(
    ids: ServedIds,
    request: IncomingMessage,
    response: ServerResponse,
    expectsContinue: boolean,
  ): void {
    open.add(response);
    response.on("close", () => {
      open.delete(response);
      onRequest();
    });
    response.on("error", () => {}); // a client that is gone
    if (access?.isOn()) logAccess(access, request, response, ids);
    const head = headOf(request);
    if ("status" in head) {
      refuse(request, response, head, refusalHeaders);
    } else if (head.path === "*") {
      response.writeHead(204, { allow: METHODS, ...refusalHeaders }).end();
    } else {
      const site = siteOf(sites, head.host);
      if (site.proxy?.request(request, response, head, expectsContinue)) return;
      if (expectsContinue) response.writeContinue();
      if (head.framing.kind !== "none") endStalledUpload(request, site.uploadIdleMs);
      showIds(request, ids);
      site.own(request, response, head.fields);
    }
  }

  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAliveTimeout: CLIENT_CLOCKS.idleMs,
      headersTimeout: CLIENT_CLOCKS.headMs,
      // No limit for a request whose body makes progress: exchanges have timeouts for that.
      requestTimeout: 0,
      // The head is checked here, so that refusals have their headers.
      requireHostHeader: false,
      connectionsCheckingInterval: HEAD_CHECK_MS,
      // A request for another protocol is answered like any other (RFC 9110, section 7.8).
      shouldUpgradeCallback: (request: IncomingMessage) => /^websocket$/i.test(request.headers.upgrade ?? ""),
      ServerResponse: TypedAsGiven,
    } as Parameters<typeof createServer>[0] & object,
    (request, response) => answer(request, response, false),
  );
  server.on("checkContinue", (request, response) => answer(request, response, true));
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (isEnding(socket)) return void socket.destroy();
    upgraded.add(socket);
    socket.on("close", () => upgraded.delete(socket));
    socket.on("error", () => {});
    const taken = takeIds(request);
    const ids = tracer === null ? taken : traceUpgrade(tracer, request, socket, taken);
    if (access?.isOn()) logUpgrade(access, request, socket, ids);
    const parsed = headOf(request);
    inRequest(ids, () => {
      if ("status" in parsed) refuseOnSocket(socket, parsed, refusalHeaders);
      else upgradeTo(siteOf(sites, parsed.host), request, socket, parsed, head);
    });
  });
  server.on("connect", (_request, socket) =>
    refuseOnSocket(
      socket,
      { status: 501, message: "CONNECT is not passed on to the origin" },
      refusalHeaders,
    ),
  );
  server.on("clientError", (error, socket) => onClientError(error, socket, refusalHeaders));

  const limit = descriptorLimit();
  const hasOrigin = sites.some(({ proxy }) => proxy != null);
  if (limit !== null) server.maxConnections = maxConnectionsOf(limit, hasOrigin);
  // To Node a connection is idle when the end of its response was written, and it cuts what the client has not taken yet.
  const closeIdle = server.closeIdleConnections.bind(server);
  server.closeIdleConnections = () => {
    if (![...open].some((response) => response.writableEnded && !response.writableFinished)) closeIdle();
  };
  server.on("drop", () => server.closeIdleConnections());

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    const listening = () => {
      server.off("error", reject);
      resolve();
    };
    if (listen.socket === undefined) server.listen(listen.port, listen.host, listening);
    else server.listen(listen.socket, listening);
  });
  server.on("error", (error) => log.error("the server failed", { error }));
  const { port } = server.address() as AddressInfo;
  return {
    url: urlOf({ host: listen.host, port }),
    async close(graceMs) {
      const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
      const end = setTimeout(() => {
        server.closeAllConnections();
        for (const socket of upgraded) socket.destroy();
      }, graceMs);
      await new Promise((resolve) => server.close(resolve));
      clearInterval(idle);
      clearTimeout(end);
      await Promise.all(sites.map(({ proxy }) => proxy?.close()));
    },
  };
}

/** Switches a connection to a WebSocket: the service's own, else the origin's. */
function upgradeTo(
  { sockets, proxy }: { sockets: WebSockets | undefined; proxy: Served["proxy"] },
  request: IncomingMessage,
  socket: Socket,
  head: RequestHead,
  behind: Buffer,
): void {
  if (sockets !== undefined) sockets.accept(request, socket, behind);
  else if (proxy !== undefined) proxy.upgrade(request, socket, head, behind);
  else refuseOnSocket(socket, { status: 501, message: "there are no WebSockets here" });
}

/** Ends the connection of a client that stops sending the request's body. */
function endStalledUpload(request: IncomingMessage, idleMs: number): void {
  if (idleMs === 0) return;
  const { socket } = request;
  const end = () => socket.destroy();
  socket.setTimeout(idleMs, end);
  request.once("end", () => socket.setTimeout(0, end));
}

/** The answer's `Allow` field for `OPTIONS *`. */
const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage) {
  return readHead({ method: method!, url: url!, httpVersion }, new Fields(rawHeaders));
}

/** Answers input that is not HTTP/1 with a status, and ends its connection. */
function onClientError(
  error: NodeJS.ErrnoException & { rawPacket?: Buffer },
  socket: Duplex,
  refusalHeaders: Readonly<Record<string, string>>,
): void {
  // It was answered already; the rest is dropped.
  if (isEnding(socket)) return;
  const { _httpMessage: answer } = socket as { _httpMessage?: ServerResponse | null };
  if (error.code === "ECONNRESET" || !socket.writable || answer?.headersSent) {
    socket.destroy();
  } else if (error.rawPacket?.subarray(0, 17).toString("latin1").startsWith("OPTIONS * HTTP/1.")) {
    // Bun's parser does not know the target `*`.
    socket.end(
      `HTTP/1.1 204 No Content\r\nallow: ${METHODS}\r\n${linesOf(refusalHeaders)}connection: close\r\n\r\n`,
    );
  } else {
    const isLate = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
    const status = error.code === "HPE_HEADER_OVERFLOW" ? 431 : isLate ? 408 : 400;
    refuseOnSocket(socket, { status, message: "the request cannot be read" }, refusalHeaders);
  }
}

/** Maximum number of open descriptors of this process; `null`: unknown. */
function descriptorLimit(): number | null {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
    return line === null ? null : Number(line[1]);
  } catch {
    return null;
  }
}
