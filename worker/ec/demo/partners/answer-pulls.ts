/**
 * The pull endpoint of the example partners.
 * @module
 */
import { createHash } from "node:crypto";
import { type Context, Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";

/** Its path on a partner's server. */
export const PULL_PATH = "/pull";

/** A partner's id for a visitor: derived from the EC id without revealing it. */
export function uidFor(partner: string, ecId: string): string {
  const digest = createHash("sha256").update(`${partner} ${ecId}`).digest("base64url");
  return `${partner.slice(0, 2)}-${digest.slice(0, 10)}`;
}

/**
 * Creates a partner's server that has an id for every visitor.
 * @param token the required bearer token
 * @param hold may respond instead, or delay the response
 */
export function answerPulls(
  partner: string,
  token: string,
  hold?: (c: Context) => Promise<Response | undefined>,
): Hono {
  return new Hono().get(PULL_PATH, bearerAuth({ token }), async (c) => {
    const instead = await hold?.(c);
    return instead ?? c.json({ uid: uidFor(partner, c.req.query("ec_id") ?? "") });
  });
}
