/**
 * A fetch handler as a listener of `node:http`.
 * @module
 */
import { type IncomingMessage, type RequestListener, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { isObject } from "../../runtime/lib/json.ts";
import { isPending } from "../../runtime/lib/within.ts";

/** What a handler gets beside the request. */
export interface NodeExchange {
  incoming: IncomingMessage;
  outgoing: ServerResponse;
}

/** A handler as it is served. */
export type ServedHandler = (request: Request, exchange: NodeExchange) => Response | Promise<Response>;

/**
 * Makes a listener of a handler. On Node the global `Request` and `Response` are replaced by faster ones, which
 * `@hono/node-server` brings.
 * @param defaultHost the host of requests that name none, which HTTP/1.0 allows
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

/** What `@hono/node-server` calls a body without a media type. */
const DEFAULT_TYPE = "text/plain; charset=UTF-8";

/** A response whose body without a media type stays untyped: a browser is to find out for itself instead. */
export class TypedAsGiven extends ServerResponse {
  #answer: Response | null = null;

  /** Keeps the answer that will be written, to look at its own headers then. */
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
