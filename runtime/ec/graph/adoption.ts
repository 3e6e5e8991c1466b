/**
 * Whether an id that the graph does not know may be written to. An id in valid form may be forged; thousands of
 * them must not become thousands of rows and outbound calls.
 * @module
 */
import type { RateLimit, RateLimiter } from "../../platform.ts";
import { ecHash, type Identity } from "../id.ts";
import type { EcContext } from "../request/context.ts";

/** How many unknown ids of one EC hash may be adopted in an hour. */
const ADOPTIONS: RateLimit = { limit: 20, windowMs: 3_600_000, family: "addresses" };

/** Asks for one id of one request; each `true` uses up one adoption of the id's hash. */
export type MayAdopt = (id: string, context: EcContext) => Promise<boolean>;

/** An id may be adopted only if this client's own address mints its hash, and only so often. */
export function createAdoption(identity: Identity, limiter: RateLimiter): MayAdopt {
  return async (id, { client }) => {
    if (client.ip === null || !identity.isOfAddress(id, client.ip)) return false;
    return (await limiter.take(`ec:adopt:${ecHash(id)}`, ADOPTIONS)).admitted;
  };
}
