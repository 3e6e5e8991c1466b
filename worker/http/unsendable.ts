import type { ServerResponse } from "node:http";

/**
 * Answers with 500 in place of an answer that `node:http` refuses to send, for example because one of its fields has a line break.
 * The light `Response` of `@hono/node-server` does not check its fields, so the refusal comes after the handler.
 */
export function refuseUnsendable(outgoing: ServerResponse): void {
  if (outgoing.headersSent) return void outgoing.destroy();
  for (const name of outgoing.getHeaderNames()) outgoing.removeHeader(name);
  outgoing.statusCode = 500;
  outgoing.end();
}
