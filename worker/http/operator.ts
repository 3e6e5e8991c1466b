import { createMiddleware } from "hono/factory";
import { isLoopbackHost } from "../../runtime/lib/addresses.ts";
import type { HotPath } from "../../wasm/hotpath.ts";
import { bearerToken } from "./bearer.ts";
import { problem } from "./problem.ts";
import { retryAfter } from "./retry-after.ts";
import type { WrongTokens } from "./wrong-tokens.ts";

/** Why a request was not admitted. `throttled`: its token was wrong, as too many of its address before. */
export type OperatorRefusal = "missing" | "wrong" | "throttled" | "read_only";

/** What {@link requireOperator} compares a token with. */
export interface OperatorRules {
  /** The SHA-256 of the operator's token. `null`: no token is configured, and no request is admitted. */
  tokenHash(): string | null;
  /** The SHA-256 of the token of those who may look and change nothing. `null`: there is none. */
  readOnlyTokenHash(): string | null;
  hotPath: Pick<HotPath, "equal">;
  /** SHA-256 of a text in UTF-8, as lower-case hex. */
  sha256Hex(text: string): string;
  /** The address that this process listens on; `null` if the host listens. */
  boundTo: string | null;
  wrongTokens: WrongTokens;
  /** The address that a request's wrong tokens are counted for. @param bindings what the route finds in `c.env` */
  addressOf(bindings: never): string;
  /** Told of each request that is not admitted. */
  onRefusal(reason: OperatorRefusal): void;
}

/** Methods that change nothing (RFC 9110, section 9.2.1). */
const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS"];

/**
 * Middleware that admits only the operator: `Authorization: Bearer` (RFC 6750) with the token whose SHA-256 is
 * `operator.tokenHash`, and for safe methods the one of `operator.readOnlyTokenHash`. The comparison takes constant time and comes
 * before anything else of the request is read. Too many wrong tokens of an address are answered with 429; the right one is admitted even then:
 * a secret of `millrace keys` is not guessed at any rate, and an operator may share an address with somebody who guesses.
 * @param open `loopback`: admit every request while this process listens on loopback only
 */
export function requireOperator(rules: OperatorRules, open?: "loopback") {
  const { tokenHash, readOnlyTokenHash, hotPath, sha256Hex, boundTo, wrongTokens } = rules;
  const encoder = new TextEncoder();
  const isOpen = open === "loopback" && boundTo !== null && isLoopbackHost(boundTo);
  const isSame = (given: string, expected: string | null) =>
    expected !== null && hotPath.equal(encoder.encode(given), encoder.encode(expected));

  return createMiddleware(async (c, next) => {
    if (isOpen) return next();
    const token = bearerToken(c.req.header("authorization"));
    const refused = (reason: OperatorRefusal, message: string) => {
      rules.onRefusal(reason);
      return c.json(problem("unauthorized", message), 401, { "www-authenticate": "Bearer" });
    };
    if (tokenHash() === null && readOnlyTokenHash() === null) {
      return refused(
        "missing",
        "no operator token is configured: set operator.tokenHash (millrace hash makes one)",
      );
    }
    if (token === null)
      return refused("missing", "send the operator's token as Authorization: Bearer <token>");
    const given = sha256Hex(token);
    if (isSame(given, tokenHash())) return next();
    if (isSame(given, readOnlyTokenHash())) {
      if (SAFE_METHODS.includes(c.req.method)) return next();
      rules.onRefusal("read_only");
      return c.json(problem("read_only", "this token may only look; changes need the operator's token"), 403);
    }
    const address = rules.addressOf(c.env as never);
    const retryAfterMs = wrongTokens.waitMs(address);
    if (retryAfterMs > 0) {
      rules.onRefusal("throttled");
      const message =
        "this is not the operator's token, and too many wrong ones came from your address; Retry-After says when the next may come";
      return c.json(problem("rate_limit_exceeded", message), 429, retryAfter({ retryAfterMs }));
    }
    wrongTokens.add(address);
    return refused("wrong", "this is not the token whose hash operator.tokenHash has");
  });
}
