/**
 * How large the tables of a limiter in memory are: by the configuration, before the first visitor.
 * @module
 */
import type { LocalTables, Windows } from "../../runtime/limiters/local.ts";

/** Keys of each table of a local limiter. */
export interface TableSizes {
  partners: number;
  visitors: number;
  shared: number;
}

/** What is looked at of a configuration. */
interface Sized {
  throttle: { maxKeys: number | null; addressesPerHour: number };
  partners: readonly { pullSyncEnabled: boolean; allowedReturnDomains: readonly string[] }[];
}

/** The most keys that one table can have. */
export const MOST_KEYS = 3_700_000;
/** Keys of the visitors' table unless the configuration needs more, in 48 MiB. */
const USUAL_KEYS = 1_000_000;
/** Two for each partner, its uploads and its domain: enough for 16,000 partners, in 1.6 MiB. */
const PARTNER_KEYS = 32_768;
/** Shared counts: half as many as visitors' keys, within these bounds, 3 and 25 MiB. */
const FEWEST_SHARED = 65_536;
const MOST_SHARED = 524_288;

/**
 * How many keys the expected addresses use in an hour: one for the pulls of all partners together, and one for the pixels
 * of each partner that has any.
 */
export function visitorKeysNeeded({ throttle, partners }: Sized): number {
  const pulls = partners.some(({ pullSyncEnabled }) => pullSyncEnabled) ? 1 : 0;
  const pixels = partners.filter(({ allowedReturnDomains }) => allowedReturnDomains.length > 0).length;
  return throttle.addressesPerHour * (pulls + pixels);
}

/** How many keys the visitors' table has: as many as are configured, else as many as are needed. */
export function visitorKeysOf(config: Sized): number {
  return config.throttle.maxKeys ?? Math.min(Math.max(visitorKeysNeeded(config), USUAL_KEYS), MOST_KEYS);
}

/** The sizes of all tables. */
export function tableSizes(config: Sized): TableSizes {
  return sizesFor(visitorKeysOf(config));
}

/** The sizes of all tables where the visitors' has so many keys. */
export function sizesFor(visitors: number): TableSizes {
  const shared = Math.min(Math.max(Math.floor(visitors / 2), FEWEST_SHARED), MOST_SHARED);
  return { partners: PARTNER_KEYS, visitors, shared };
}

/** Makes tables of these sizes. */
export function makeTables(sizes: TableSizes, make: (maxKeys: number) => Windows): LocalTables {
  return { partners: make(sizes.partners), visitors: make(sizes.visitors), shared: make(sizes.shared) };
}
