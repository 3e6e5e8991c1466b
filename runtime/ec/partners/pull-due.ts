/**
 * Which partners are due: the ones whose id of a visitor is missing or old.
 * @module
 */
import { type GraphEntry, isFarAhead, isTombstone, partnerIdIn } from "../graph/entry.ts";
import type { Partner } from "./partner.ts";

/**
 * Whether a partner is due: the graph has no id from it, or one that is at least `pullSyncTtlSeconds` old. No partner is due
 * for a tombstone.
 */
export function isDue(partner: Partner, entry: GraphEntry | null, nowSeconds: number): boolean {
  if (!partner.pullSyncEnabled) return false;
  if (entry === null) return true;
  return !isTombstone(entry) && isMissingOrOld(partner, entry, nowSeconds);
}

/** Whether an entry has no id from a partner, or one that is at least `pullSyncTtlSeconds` old. */
export function isMissingOrOld(partner: Partner, entry: GraphEntry, nowSeconds: number): boolean {
  const known = partnerIdIn(entry, partner);
  return known === undefined || !isFresh(known.synced, partner.pullSyncTtlSeconds, nowSeconds);
}

const isFresh = (synced: number, ttlSeconds: number, nowSeconds: number) =>
  nowSeconds - synced < ttlSeconds && !isFarAhead(synced, nowSeconds);

/** Milliseconds until the first of some partners is due. None of them is due now. */
export function dueInMs(partners: readonly Partner[], entry: GraphEntry | null, nowSeconds: number): number {
  if (entry === null || isTombstone(entry)) return 0;
  const inSeconds = partners.map((partner) => {
    const known = partnerIdIn(entry, partner)?.synced ?? nowSeconds;
    return known + partner.pullSyncTtlSeconds - nowSeconds;
  });
  return Math.min(...inSeconds) * 1000;
}
