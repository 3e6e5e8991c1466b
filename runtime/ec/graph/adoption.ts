/**
 * Whether an id that the graph does not know may be written to. An id of valid form may be forged, and thousands of forged ids must
 * not become thousands of rows and outbound calls.
 * @module
 */
import type { RateLimit, RateLimiter } from "../../platform.ts";
import { ecHash, type Identity } from "../id.ts";
import { adoptKey } from "../keys.ts";
import type { EcContext } from "../request/context.ts";

/** Maximum number of unknown ids of one EC hash that are adopted in an hour. */
const ADOPTIONS: RateLimit = { limit: 20, windowMs: 3_600_000, family: "addresses" };

/** Asks for one id of one request. Each `true` counts as one adoption of the id's hash. */
export type MayAdopt = (id: string, context: EcContext) => Promise<boolean>;

/** An id may be adopted only if this client's own address mints its hash, and only {@link ADOPTIONS} times. */
export function createAdoption(identity: Identity, limiter: RateLimiter): MayAdopt {
  return async (id, { client }) => {
    if (client.ip === null || !identity.isOfAddress(id, client.ip)) return false;
    return (await limiter.take(adoptKey(ecHash(id)), ADOPTIONS)).admitted;
  };
}
