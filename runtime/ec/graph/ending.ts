/**
 * Whether a client may end an identity: withdraw its consent in the graph, or delete it. An id is no secret: pages, partners and
 * bidders see it. A client that collected ids must not be able to wipe the graph by sending them.
 * @module
 */
import type { RateLimit, RateLimiter } from "../../platform.ts";
import type { Identity } from "../id.ts";
import { endKey } from "../keys.ts";
import type { EcContext } from "../request/context.ts";
import { isTombstone } from "./entry.ts";
import type { Graph } from "./graph.ts";

/**
 * Maximum number of other addresses' known ids that one address may end in an hour. It is more than one, because addresses change
 * and people share them: a visitor often withdraws from an address that did not mint their id.
 */
export const FOREIGN_ENDINGS: RateLimit = { limit: 20, windowMs: 3_600_000, family: "addresses" };

/** Whether one client may end one id. */
export type Ending =
  | { outcome: "may" }
  /** Another address minted the id, and the graph holds no live entry of it. */
  | { outcome: "no_entry" }
  | { outcome: "refused"; retryAfterMs: number };

/** Asks for one id of one request. */
export type MayEnd = (id: string, context: EcContext) => Promise<Ending>;

/** An address may end the ids that it mints, and a few ids of other addresses. */
export function createMayEnd(
  identity: Identity,
  graph: Pick<Graph, "getOrMark">,
  limiter: RateLimiter,
): MayEnd {
  return async (id, { client }) => {
    if (client.ip !== null && identity.isOfAddress(id, client.ip)) return { outcome: "may" };
    const stored = await graph.getOrMark(id);
    if (stored === null || isTombstone(stored)) return { outcome: "no_entry" };
    const { admitted, retryAfterMs } = await limiter.take(endKey(client.ip), FOREIGN_ENDINGS);
    return admitted ? { outcome: "may" } : { outcome: "refused", retryAfterMs };
  };
}
