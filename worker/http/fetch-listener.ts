/**
 * Adapts a fetch handler to a listener of `node:http`.
 * @module
 */
import { type IncomingMessage, type RequestListener, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { isObject } from "../../runtime/lib/json.ts";
import { isPending } from "../../runtime/lib/within.ts";

/** The Node objects that a handler gets with the request. */
export interface NodeExchange {
  incoming: IncomingMessage;
  outgoing: ServerResponse;
}

/** A fetch handler on Node, Bun or Deno. */
export type ServedHandler = (request: Request, exchange: NodeExchange) => Response | Promise<Response>;

/**
 * Creates a listener. On Node it replaces the global `Request` and `Response` by the faster ones of `@hono/node-server`.
 * @param defaultHost the host of requests without one, which HTTP/1.0 allows
 */
export function fetchListener(handler: ServedHandler, defaultHost: string): RequestListener {
  const isNode = !("Bun" in globalThis) && !("Deno" in globalThis);
  return getRequestListener(
    (request, env) => {
      const { incoming, outgoing } = env as { incoming: IncomingMessage; outgoing: TypedAsGiven };
      const answer = handler(request, { incoming, outgoing });
      if (!isPending(answer)) return outgoing.keep(answer);
      return answer.then((response) => outgoing.keep(response));
    },
    { hostname: defaultHost, overrideGlobalObjects: isNode },
  );
}

/** The media type that `@hono/node-server` adds to a body without one. */
const DEFAULT_TYPE = "text/plain; charset=UTF-8";

/** A response that does not add a media type to a body without one. The browser detects the type. */
export class TypedAsGiven extends ServerResponse {
  #answer: Response | null = null;

  /** Remembers the answer, so that `writeHead` can check its headers. */
  keep(answer: Response): Response {
    this.#answer = answer;
    return answer;
  }

  // biome-ignore lint/suspicious/noExplicitAny: a reason phrase may come before the headers; they pass through unread.
  override writeHead(status: number, first?: any, second?: any): this {
    const headers: unknown = second ?? first;
    if (this.#answer !== null && isObject(headers)) {
      for (const name of ["content-type", "Content-Type"]) {
        if (headers[name] === DEFAULT_TYPE && !this.#answer.headers.has("content-type")) delete headers[name];
      }
    }
    return super.writeHead(status, first, second);
  }
}
