import { createMiddleware } from "hono/factory";
import { isLoopbackHost } from "../../runtime/lib/addresses.ts";
import type { HotPath } from "../../wasm/hotpath.ts";
import { bearerToken } from "./bearer.ts";
import { problem } from "./problem.ts";

/** What {@link requireOperator} compares a token with. */
export interface OperatorRules {
  /** The SHA-256 of the operator's token. `null`: no token is configured, and no request is admitted. */
  tokenHash(): string | null;
  hotPath: Pick<HotPath, "equal">;
  /** SHA-256 of a text in UTF-8, as lower-case hex. */
  sha256Hex(text: string): string;
  /** The address that this process listens on; `null` if the host listens. */
  boundTo: string | null;
}

/**
 * Middleware that admits only the operator: `Authorization: Bearer` (RFC 6750) with the token whose SHA-256 is
 * `operator.tokenHash`. The comparison takes constant time and comes before anything else of the request is read.
 * @param open `loopback`: admit every request while this process listens on loopback only
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
