/**
 * Quickbeck Exchange, an example partner: answers at once, and holds auctions.
 * @module
 */
import type { Hono } from "hono";
import { isObject } from "../../../../runtime/lib/json.ts";
import { answerPulls } from "./answer-pulls.ts";

/** The path for bid requests. */
export const AUCTION_PATH = "/openrtb2/auction";

/** Its bids, in euros for a thousand views: higher for a known visitor. */
const PRICE = { known: 2.4, unknown: 0.35 };

/** Creates its server. */
export function createQuickbeck(token: string): Hono {
  return answerPulls("quickbeck", token).post(AUCTION_PATH, async (c) => {
    const request: unknown = await c.req.json();
    const user = isObject(request) && isObject(request.user) ? request.user : {};
    const price = Array.isArray(user.eids) && user.eids.length > 0 ? PRICE.known : PRICE.unknown;
    const imps = isObject(request) && Array.isArray(request.imp) ? request.imp : [];
    const impid = isObject(imps[0]) ? imps[0].id : "1";
    // What Prebid Server's answers have for Prebid.js, which passes `meta` on. A real exchange does not echo the visitor.
    const ext = { prebid: { type: "banner", meta: { received: { id: user.id, eids: user.eids } } } };
    const ad = { crid: "boots-for-wet-feet", adm: "Boots for wet feet.", w: 300, h: 250, mtype: 1, ext };
    return c.json({
      id: isObject(request) ? request.id : null,
      cur: "EUR",
      seatbid: [{ seat: "quickbeck", bid: [{ id: "1", impid, price, ...ad }] }],
      // A real exchange does not echo the request. The partner's page shows it.
      ext: { received: request },
    });
  });
}
