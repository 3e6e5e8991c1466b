/**
 * What the example partners have in common: an endpoint that millrace pulls from.
 * @module
 */
import { createHash } from "node:crypto";
import { type Context, Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";

/** Where it lies on a partner's server. */
export const PULL_PATH = "/pull";

/** A partner's own id for a visitor: always the same one for an EC id, which it does not give away. */
export function uidFor(partner: string, ecId: string): string {
  const digest = createHash("sha256").update(`${partner} ${ecId}`).digest("base64url");
  return `${partner.slice(0, 2)}-${digest.slice(0, 10)}`;
}

/**
 * A partner's server that knows an id for everybody.
 * @param token what whoever asks has to bring.
 * @param hold may answer instead, or take its time.
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
