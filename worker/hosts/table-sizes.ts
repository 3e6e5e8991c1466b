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

/** Maximum number of keys of one table. */
export const MOST_KEYS = 3_700_000;
/** Default number of keys of the visitors' table: 48 MiB. */
export const USUAL_KEYS = 1_000_000;
/** Keys of the partners' table, in 1.6 MiB: two for each of 16,000 partners, its uploads and its domain. */
const PARTNER_KEYS = 32_768;
/** Bounds of the table of shared counts, 3 and 25 MiB. Between them it has half as many keys as the visitors' table. */
const FEWEST_SHARED = 65_536;
const MOST_SHARED = 524_288;

/** The sizes of all tables for a visitors' table of this size. */
export function sizesFor(visitors: number): TableSizes {
  const shared = Math.min(Math.max(Math.floor(visitors / 2), FEWEST_SHARED), MOST_SHARED);
  return { partners: PARTNER_KEYS, visitors, shared };
}

/** Makes tables of these sizes. */
export function makeTables(sizes: TableSizes, make: (maxKeys: number) => Windows): LocalTables {
  return { partners: make(sizes.partners), visitors: make(sizes.visitors), shared: make(sizes.shared) };
}
