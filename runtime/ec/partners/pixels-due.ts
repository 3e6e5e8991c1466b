/**
 * Which partners' pixels a page should load, so that a partner sees its own cookie and the EC id together.
 * @module
 */
import { type GraphEntry, isTombstone } from "../graph/entry.ts";
import type { Partner } from "./partner.ts";
import { isMissingOrOld } from "./pull-due.ts";

/** Maximum number of pixels in one answer: as many as Prebid Server's `/cookie_sync` returns by default. */
export const MAX_PIXELS = 8;

/**
 * The partners whose pixels a page should load: those whose id the entry lacks, or has for `pullSyncTtlSeconds`. At most
 * {@link MAX_PIXELS}, from `start` on, so that not always the same are left out.
 * @param entry `null`: the graph does not know the EC id, and no partner is due.
 * @param start a whole number from 0 on.
 */
export function pixelsDue(
  partners: readonly Partner[],
  entry: GraphEntry | null,
  nowSeconds: number,
  start: number,
): Partner[] {
  if (entry === null || isTombstone(entry)) return [];
  const due = partners.filter((partner) => isMissingOrOld(partner, entry, nowSeconds));
  const first = start % Math.max(1, due.length);
  return [...due.slice(first), ...due.slice(0, first)].slice(0, MAX_PIXELS);
}
