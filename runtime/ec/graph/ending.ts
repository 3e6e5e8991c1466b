/**
 * Whether a sender may end an identity: withdraw its consent in the graph, or delete it. An id is no secret: pages, partners
 * and bidders see it. Somebody who collected ids must not wipe the graph by sending them.
 * @module
 */
import type { RateLimit, RateLimiter } from "../../platform.ts";
import type { Identity } from "../id.ts";
import type { EcContext } from "../request/context.ts";
import { isTombstone } from "./entry.ts";
import type { Graph } from "./graph.ts";

/**
 * How many known ids that another address minted one address may end in an hour. It is more than one, because addresses
 * change and people share them: a visitor often withdraws from an address that did not mint their id.
 */
export const FOREIGN_ENDINGS: RateLimit = { limit: 20, windowMs: 3_600_000, family: "addresses" };

/** Whether one sender may end one id. */
export type Ending =
  | { outcome: "may" }
  /** The id is another address's, and the graph holds nothing of it that could end. */
  | { outcome: "nothing" }
  | { outcome: "refused"; retryAfterMs: number };

/** Asks for one id of one request. */
export type MayEnd = (id: string, context: EcContext) => Promise<Ending>;

/** An address may end what it mints, and a few ids of others. */
export function createMayEnd(
  identity: Identity,
  graph: Pick<Graph, "getOrMark">,
  limiter: RateLimiter,
): MayEnd {
  return async (id, { client }) => {
    if (client.ip !== null && identity.isOfAddress(id, client.ip)) return { outcome: "may" };
    const stored = await graph.getOrMark(id);
    if (stored === null || isTombstone(stored)) return { outcome: "nothing" };
    const { admitted, retryAfterMs } = await limiter.take(`ec:end:${client.ip}`, FOREIGN_ENDINGS);
    return admitted ? { outcome: "may" } : { outcome: "refused", retryAfterMs };
  };
}
