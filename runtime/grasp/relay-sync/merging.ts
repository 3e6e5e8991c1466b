/**
 * How filters become subscriptions, and when subscriptions are merged (L13).
 * @module
 */
import type { Filter } from "../events/filter.ts";
import { MAX_FILTERS, MAX_REQUEST_BYTES, MAX_SUBSCRIPTIONS } from "./figures.ts";
import { filterJson } from "./messages.ts";

/** How many subscriptions a relay may have, the one that fetches history included. */
export function subscriptionBound(maxSubscriptions: number | null): number {
  return Math.max(1, Math.min(MAX_SUBSCRIPTIONS, maxSubscriptions ?? MAX_SUBSCRIPTIONS));
}

/**
 * Live subscriptions at most. Half of the bound, because merged ones are open before the old ones close; history fetches nothing
 * meanwhile.
 */
export function liveBound(bound: number): number {
  return Math.floor(bound / 2);
}

/** Fills subscriptions with filters, in their order. */
export function packed(filters: readonly Filter[]): Filter[][] {
  const packs: Filter[][] = [];
  let bytes = 0;
  for (const filter of filters) {
    const size = JSON.stringify(filterJson(filter)).length;
    const last = packs.at(-1);
    if (last !== undefined && last.length < MAX_FILTERS && bytes + size <= MAX_REQUEST_BYTES) {
      last.push(filter);
      bytes += size;
    } else {
      packs.push([filter]);
      bytes = size;
    }
  }
  return packs;
}

/** What happens to live subscriptions when targets come. */
export type LivePlan =
  | { readonly kind: "add"; readonly open: readonly (readonly Filter[])[] }
  /** New subscriptions for all filters are opened, then the old ones are closed. `left`: filters without room. */
  | { readonly kind: "merge"; readonly open: readonly (readonly Filter[])[]; readonly left: number };

/**
 * @param open live subscriptions now
 * @param added filters of the new targets
 * @param all filters of all targets, the new ones included
 */
export function planLive(
  open: number,
  added: readonly Filter[],
  all: () => readonly Filter[],
  bound: number,
): LivePlan {
  const most = liveBound(bound);
  const more = packed(added);
  if (open + more.length <= most) return { kind: "add", open: more };
  const merged = packed(all());
  const left = merged.slice(most).reduce((count, filters) => count + filters.length, 0);
  return { kind: "merge", open: merged.slice(0, most), left };
}
