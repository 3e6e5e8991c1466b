/**
 * Adapts a fetch handler to a listener of `node:http`.
 * @module
 */
import { type IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { isObject } from "../../runtime/lib/json.ts";
import { isPending } from "../../runtime/lib/within.ts";
import type { FieldsByName, ServedHandler } from "../hosts/server.ts";
import { refuseUnsendable } from "./unsendable.ts";

/** The Node objects that a handler gets with the request. */
export interface NodeExchange {
  incoming: IncomingMessage;
  outgoing: ServerResponse;
}

/** Answers a request of `node:http`, whose fields were read before. */
export type FieldsListener = (
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  fields: FieldsByName,
) => void;

/**
 * Creates a listener. It replaces the global `Request` and `Response` by those of `@hono/node-server`, whose bodies and headers are
 * written as they were given. Those of Bun and Deno would be read back through a stream, for each answer.
 * @param defaultHost the host of requests without one, which HTTP/1.0 allows
 * @param onUnsendable called for an answer that `node:http` refuses, for example because a field has a line break; the client gets a 500
 */
export function fetchListener(
  handler: ServedHandler,
  defaultHost: string,
  onUnsendable: (error: unknown) => void,
): FieldsListener {
  const listener = getRequestListener(
    (request, env) => {
      const { incoming, outgoing } = env as { incoming: IncomingMessage; outgoing: TypedAsGiven };
      const exchange: NodeExchange = { incoming, outgoing };
      const answer =
        handler.withFields === undefined
          ? handler(request, exchange)
          : handler.withFields(request, outgoing.fields!, exchange);
      if (!isPending(answer)) return outgoing.keep(answer);
      return answer.then((response) => outgoing.keep(response));
    },
    { hostname: defaultHost },
  );
  return (incoming, outgoing, fields) => {
    (outgoing as TypedAsGiven).fields = fields;
    listener(incoming, outgoing).catch((error) => {
      onUnsendable(error);
      refuseUnsendable(outgoing);
    });
  };
}

const isBun = "Bun" in globalThis;

/** The media type that `@hono/node-server` adds to a body without one. */
const DEFAULT_TYPE = "text/plain; charset=UTF-8";

function dropField(headers: Record<string, unknown>, name: string): void {
  for (const key in headers)
    if (key.length === name.length && key.toLowerCase() === name) delete headers[key];
}

/** A response that does not add a media type to a body without one. The browser detects the type. */
export class TypedAsGiven extends ServerResponse {
  #answer: Response | null = null;
  /** The request's fields. */
  fields: FieldsByName | null = null;
  /** The body's length, where the library sets it; a field of `node:http`'s own. */
  declare _contentLength: number | null;

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
      // A body of a known length is not sent in chunks, whatever the handler says.
      if ("Content-Length" in headers) dropField(headers, "transfer-encoding");
    }
    // Bun does not write the length that the library knows, and would send the body in chunks.
    if (isBun && typeof this._contentLength === "number")
      this.setHeader("content-length", this._contentLength);
    return super.writeHead(status, first, second);
  }
}
