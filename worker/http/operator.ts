import { createMiddleware } from "hono/factory";
import { isLoopbackHost } from "../../runtime/lib/addresses.ts";
import type { HotPath } from "../../wasm/hotpath.ts";
import { bearerToken } from "./bearer.ts";
import { problem } from "./problem.ts";

/** What decides who the operator is. */
export interface OperatorRules {
  /** The SHA-256 of the operator's token; `null`: there is none, and no request passes. */
  tokenHash(): string | null;
  hotPath: Pick<HotPath, "equal">;
  /** SHA-256 of a text in UTF-8, as lower-case hex. */
  sha256Hex(text: string): string;
  /** The address that our own server is bound to; `null` where the host does the listening. */
  boundTo: string | null;
}

/**
 * Admits only the operator: `Authorization: Bearer` (RFC 6750) with the token whose SHA-256 is `operator.tokenHash`, compared
 * in constant time before anything else of the request is read.
 * @param open `loopback`: every request passes while our own server is bound to loopback.
 */
export function requireOperator(
  { tokenHash, hotPath, sha256Hex, boundTo }: OperatorRules,
  open?: "loopback",
) {
  const encoder = new TextEncoder();
  const isOpen = open === "loopback" && boundTo !== null && isLoopbackHost(boundTo);
  return createMiddleware(async (c, next) => {
    if (isOpen) return next();
    const token = bearerToken(c.req.header("authorization"));
    const expected = tokenHash();
    if (expected !== null && token !== null) {
      if (hotPath.equal(encoder.encode(sha256Hex(token)), encoder.encode(expected))) return next();
    }
    const message =
      expected === null
        ? "no operator token is configured: set operator.tokenHash (millrace hash makes one)"
        : token === null
          ? "send the operator's token as Authorization: Bearer <token>"
          : "this is not the token whose hash operator.tokenHash has";
    return c.json(problem("unauthorized", message), 401, { "www-authenticate": "Bearer" });
  });
}
