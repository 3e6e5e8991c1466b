/**
 * Sizes of the tables of a limiter in memory.
 * @module
 */
import type { LocalTables, Windows } from "../../runtime/limiters/local.ts";

/** Keys of each table of a local limiter. */
export interface TableSizes {
  partners: number;
  visitors: number;
  shared: number;
}

/** The most keys that one table can have. */
export const MOST_KEYS = 3_700_000;
/** Default number of keys of the visitors' table: 48 MiB. */
export const USUAL_KEYS = 1_000_000;
/** Two for each partner, its uploads and its domain: enough for 16,000 partners, in 1.6 MiB. */
const PARTNER_KEYS = 32_768;
/** Shared counts: half as many as visitors' keys, within these bounds, 3 and 25 MiB. */
const FEWEST_SHARED = 65_536;
const MOST_SHARED = 524_288;

/** The sizes of all tables where the visitors' has so many keys. */
export function sizesFor(visitors: number): TableSizes {
  const shared = Math.min(Math.max(Math.floor(visitors / 2), FEWEST_SHARED), MOST_SHARED);
  return { partners: PARTNER_KEYS, visitors, shared };
}

/** Makes tables of these sizes. */
export function makeTables(sizes: TableSizes, make: (maxKeys: number) => Windows): LocalTables {
  return { partners: make(sizes.partners), visitors: make(sizes.visitors), shared: make(sizes.shared) };
}
