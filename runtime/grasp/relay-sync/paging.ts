/**
 * The course of a paged history (L10): what the next page asks for, by what the last one brought.
 * @module
 */
import type { Dated } from "../events/event.ts";
import { MAX_PAGES, MAX_PAGES_OF_A_SECOND } from "./figures.ts";

/** How far pages are. */
export interface Paging {
  /** The next page asks for events up to this time, inclusive, in seconds; `null`: for the newest. */
  readonly until: number | null;
  /** Ids received at that second. */
  readonly known: ReadonlySet<string>;
  /** Pages in a row that ended in that second. */
  readonly ofSecond: number;
  readonly pages: number;
  /** Events of the largest page: what this relay can bring at once. */
  readonly largest: number;
}

export const FIRST_PAGE: Paging = { until: null, known: new Set(), ofSecond: 0, pages: 0, largest: 0 };

export type AfterPage =
  | { readonly kind: "end" }
  /** `stepped`: the second that was left although more of it may be there. */
  | { readonly kind: "next"; readonly paging: Paging; readonly stepped: number | null }
  | { readonly kind: "too-many" };

/**
 * @param received events of the page, stored or not, in any order
 * @param limit events that were asked for
 * @param since earliest time that is asked for, in seconds
 */
export function afterPage(paging: Paging, received: readonly Dated[], limit: number, since = 0): AfterPage {
  if (received.length === 0) return { kind: "end" };
  const pages = paging.pages + 1;
  const largest = Math.max(paging.largest, received.length);
  const oldest = received.reduce((least, { created_at }) => Math.min(least, created_at), Infinity);
  const isNew = received.some(({ created_at, id }) => created_at !== paging.until || !paging.known.has(id));
  // Everything in it is known, so that it has a single timestamp. A smaller page ended by itself.
  if (!isNew && received.length < Math.min(largest, limit)) return { kind: "end" };
  if (pages >= MAX_PAGES) return { kind: "too-many" };
  const isSameSecond = oldest === paging.until;
  const ofSecond = isSameSecond ? paging.ofSecond + 1 : 0;
  if (!isNew || ofSecond >= MAX_PAGES_OF_A_SECOND) {
    const until = oldest - 1;
    if (until < since) return { kind: "end" };
    const next = { until, known: new Set<string>(), ofSecond: 0, pages, largest };
    // A single event where more were asked for says nothing of others.
    return { kind: "next", paging: next, stepped: received.length > 1 || limit === 1 ? oldest : null };
  }
  const known = new Set(isSameSecond ? paging.known : []);
  for (const { created_at, id } of received) if (created_at === oldest) known.add(id);
  return { kind: "next", paging: { until: oldest, known, ofSecond, pages, largest }, stepped: null };
}
