/**
 * Errors for a server that calls a fetch handler in a way of its own.
 * @module
 */

const WAYS =
  "for node:http use nodeListener(handler), for Express, Fastify and the like nodeMiddleware(ec), " +
  'both of "millrace/node-http"';

/** @throws {TypeError} for what is no handler, such as the request of a framework that got `ec` as its middleware. */
export function mustBeHandler(handler: unknown): void {
  if (typeof handler === "function") return;
  throw new TypeError(
    `Cannot wrap a handler: expected a function from a Request to a Response, received ${kindOf(handler)}; ${WAYS}`,
  );
}

/** @throws {TypeError} for a request of `node:http`. */
export function mustBeRequest(request: Request | { rawHeaders?: unknown }): void {
  if ((request as { rawHeaders?: unknown }).rawHeaders === undefined) return;
  throw new TypeError(`Cannot answer a request: expected a Request, received an IncomingMessage; ${WAYS}`);
}

function kindOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  return "rawHeaders" in value ? "an IncomingMessage" : "an object";
}
