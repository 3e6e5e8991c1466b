/**
 * A fetch for proxies over `node:http`, which Node, Bun and Deno have. Unlike their own fetch it does not decode bodies and
 * does not follow redirects.
 * @module
 */
import http from "node:http";
import https from "node:https";
import type { LookupFunction } from "node:net";
import { Readable } from "node:stream";
import type { Fetch } from "../../runtime/platform.ts";
import { MAX_HEADER_BYTES } from "./proxy/clocks.ts";
import { isIdempotent } from "./proxy/request-head.ts";

/** Statuses whose responses never have a body. */
const BODILESS = new Set([204, 205, 304]);

/**
 * Creates a fetch with its own connections. It resolves with the head of the response. It supports the options `method`,
 * `headers`, `body` (a stream of bytes) and `signal`; an abort ends the body, too.
 * @param lookup resolves host names. Default: the system's resolver.
 */
export function createRawFetch(lookup?: LookupFunction): Fetch {
  const schemes: Schemes = {
    "http:": { request: http.request, agent: new http.Agent({ keepAlive: true }) },
    "https:": { request: https.request, agent: new https.Agent({ keepAlive: true }) },
  };
  return async (url, init = {}) => {
    const { method = "GET", signal } = init;
    const headers = Object.fromEntries(new Headers(init.headers));
    const body = await startOf(init.body as ReadableStream<Uint8Array> | null | undefined);
    const head = { method, headers, lookup, signal: signal ?? undefined };
    const send = () => exchange(schemes, new URL(url), head, body);
    try {
      return await send();
    } catch (error) {
      // The server closed an idle connection while it was reused (RFC 9110, section 9.2.2).
      if (body === null && isIdempotent(method) && error instanceof StaleConnection) return send();
      throw error;
    }
  };
}

/** A fetch with the system's resolver. */
export const rawFetch = createRawFetch();

/** The client of each scheme. */
type Schemes = Record<"http:" | "https:", { request: typeof http.request; agent: http.Agent }>;

class StaleConnection extends Error {}

/** Waits for the first bytes of a body: HTTP/1 must know in advance whether there is a body. @returns `null` for an empty body */
async function startOf(body: ReadableStream<Uint8Array> | null | undefined): Promise<Readable | null> {
  if (!body) return null;
  const chunks = body[Symbol.asyncIterator]();
  const first = await chunks.next();
  if (first.done) return null;
  return Readable.from(
    (async function* () {
      yield first.value;
      yield* { [Symbol.asyncIterator]: () => chunks };
    })(),
    { objectMode: false },
  );
}

interface Head {
  method: string;
  headers: Record<string, string>;
  lookup: LookupFunction | undefined;
  signal: AbortSignal | undefined;
}

function exchange(
  schemes: Schemes,
  url: URL,
  { signal, ...head }: Head,
  body: Readable | null,
): Promise<Response> {
  const { request, agent } = schemes[url.protocol as keyof Schemes];
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const outgoing = request(url, { ...head, agent, maxHeaderSize: MAX_HEADER_BYTES });
    // Not the request's own `signal` option: Deno does not report an abort before the response.
    const abort = () => {
      reject(signal!.reason);
      outgoing.destroy();
    };
    signal?.addEventListener("abort", abort, { once: true });
    outgoing.on("close", () => {
      signal?.removeEventListener("abort", abort);
      body?.destroy();
    });
    outgoing.on("error", (error: NodeJS.ErrnoException) => {
      const stale = outgoing.reusedSocket && error.code === "ECONNRESET";
      reject(stale ? new StaleConnection(error.message, { cause: error }) : error);
    });
    outgoing.on("response", (incoming) => {
      try {
        resolve(toResponse(incoming, head.method));
      } catch (error) {
        incoming.destroy();
        reject(error);
      }
    });
    if (body === null) outgoing.end();
    else body.on("error", (error) => outgoing.destroy(error)).pipe(outgoing);
  });
}

function toResponse(incoming: http.IncomingMessage, method: string): Response {
  const status = incoming.statusCode ?? 0;
  const headers = new Headers();
  const { rawHeaders } = incoming;
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
  if (method === "HEAD" || BODILESS.has(status)) {
    incoming.resume();
    return new Response(null, { status, headers });
  }
  return new Response(Readable.toWeb(incoming) as ReadableStream<Uint8Array<ArrayBuffer>>, {
    status,
    headers,
  });
}
