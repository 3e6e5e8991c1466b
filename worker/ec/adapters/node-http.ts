/**
 * The Edge Cookie on a server of `node:http`: plain, or with Express, Fastify or another framework whose middleware takes
 * `(request, response, next)`.
 * @module
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { FetchHandler } from "../../hosts/host.ts";
import { refuseUnsendable } from "../../http/unsendable.ts";
import type { EdgeCookieHandler } from "../edge-cookie.ts";
import { replaceRequest } from "../request-context.ts";
import { HeldResponse } from "./held-response.ts";

/** What `edgeCookie(options)` returns, on any host. */
// biome-ignore lint/suspicious/noExplicitAny: the host's arguments pass through unread.
type Wrap = (handler: FetchHandler<any[]>) => EdgeCookieHandler<any[]>;

/** Middleware of Connect, Express and the like. */
export type NodeMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: Error) => void,
) => void;

// Where another part of the program replaced the global `Response` before, this one is a light object whose header the listener
// reads only after something has looked at it.
void RESPONSE_ALREADY_SENT.body;

/** The host of an HTTP/1.0 request that names none. */
const DEFAULT_HOST = "localhost";

/**
 * Makes a request listener of a fetch handler.
 *
 * @param handler what `edgeCookie(options)(handler)` returned, or any other fetch handler.
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { edgeCookie } from "millrace";
 * import { nodeListener } from "millrace/node-http";
 * const handler = edgeCookie(options)(() => new Response("hello"));
 * createServer(nodeListener(handler)).listen(8787);
 * ```
 */
// biome-ignore lint/suspicious/noExplicitAny: the host's arguments pass through unread.
export function nodeListener(handler: FetchHandler<any[]>): RequestListener {
  const listener = getRequestListener(handler, { hostname: DEFAULT_HOST });
  return (request, response) =>
    void listener(request, response).catch((error) => {
      // As the library does with errors of bodies.
      console.error(error);
      refuseUnsendable(response);
    });
}

/**
 * Makes middleware for a server whose handlers take `(request, response)`. Everything after it is the wrapped site. Handlers
 * read what the service knows with `ecOf(request)`, where `request` is the `IncomingMessage`.
 *
 * Use it before anything that reads a request's body, and not below a path: the service's own routes are at the root.
 *
 * @param wrap what `edgeCookie(options)` of your runtime returned.
 * @example
 * ```ts
 * import express from "express";
 * import { ecOf, edgeCookie } from "millrace";
 * import { nodeMiddleware } from "millrace/node-http";
 * const app = express();
 * app.use(nodeMiddleware(edgeCookie(options)));
 * app.get("/", (req, res) => res.send(`your id: ${ecOf(req)?.activeId}`));
 * ```
 */
export function nodeMiddleware(wrap: Wrap): NodeMiddleware {
  const passing = new WeakMap<Request, Passage>();
  const handler = wrap((request: Request) => passing.get(request)!.pass(request));
  return (incoming, outgoing, next) => {
    if (isBelowPath(incoming)) {
      next(new Error("Cannot serve the Edge Cookie below a path: use the middleware without one"));
      return;
    }
    const answer = async (request: Request, exchange: unknown): Promise<Response> => {
      const passage = new Passage(incoming, outgoing, next);
      passing.set(request, passage);
      try {
        const response = await handler(request, exchange);
        return passage.finish(response);
      } catch (error) {
        return passage.fail(error);
      }
    };
    // Global objects of somebody else's program stay as they are.
    const listener = getRequestListener(answer, { hostname: DEFAULT_HOST, overrideGlobalObjects: false });
    void listener(incoming, outgoing);
  };
}

/** Express takes the path off the URL of middleware that is used below one. */
function isBelowPath({ baseUrl = "" }: IncomingMessage & { baseUrl?: string }): boolean {
  return baseUrl !== "";
}

/** One request on its way to the site and back. */
class Passage {
  readonly #incoming: IncomingMessage;
  readonly #outgoing: ServerResponse;
  readonly #next: (error?: Error) => void;
  /** The site's response; `null`: the service answers by itself. */
  #held: HeldResponse | null = null;

  constructor(incoming: IncomingMessage, outgoing: ServerResponse, next: (error?: Error) => void) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.#next = next;
  }

  /** Lets the site answer; resolves with the head of its response. */
  pass(request: Request): Promise<Response> {
    // `ecOf` finds it on either object.
    replaceRequest(request, this.#incoming as unknown as Request);
    this.#held = new HeldResponse(this.#outgoing);
    try {
      this.#next();
    } catch (error) {
      // As if a listener of the server had thrown it: frameworks catch their own.
      queueMicrotask(() => {
        throw error;
      });
    }
    return this.#held.head;
  }

  /** Sends a finalized response, or the head of one whose rest the site sends. */
  finish(response: Response): Response {
    if (this.#held === null) return response;
    this.#held.release(response.headers);
    return RESPONSE_ALREADY_SENT;
  }

  /** The site's response goes out as it is; a failure of the service's own is the framework's to report. */
  fail(error: unknown): Response {
    if (this.#held === null) this.#next(error instanceof Error ? error : new Error(String(error)));
    else this.#held.release(null);
    return RESPONSE_ALREADY_SENT;
  }
}
