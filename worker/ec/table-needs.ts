/**
 * The sizes of the limiter's tables for a configuration of the Edge Cookie.
 * @module
 */
import { MOST_KEYS, sizesFor, type TableSizes, USUAL_KEYS } from "../hosts/table-sizes.ts";

/** The part of a configuration that decides. */
interface Sized {
  throttle: { maxKeys: number | null; addressesPerHour: number };
  partners: readonly { pullSyncEnabled: boolean; allowedReturnDomains: readonly string[] }[];
}

/**
 * Number of keys that the expected addresses use in an hour: one for the pulls of all partners together, and one for each
 * partner with pixels.
 */
export function visitorKeysNeeded({ throttle, partners }: Sized): number {
  const pulls = partners.some(({ pullSyncEnabled }) => pullSyncEnabled) ? 1 : 0;
  const pixels = partners.filter(({ allowedReturnDomains }) => allowedReturnDomains.length > 0).length;
  return throttle.addressesPerHour * (pulls + pixels);
}

/** Size of the visitors' table in keys: the configured one, else the needed one. */
export function visitorKeysOf(config: Sized): number {
  return config.throttle.maxKeys ?? Math.min(Math.max(visitorKeysNeeded(config), USUAL_KEYS), MOST_KEYS);
}

/** The sizes of all tables. */
export function tableSizes(config: Sized): TableSizes {
  return sizesFor(visitorKeysOf(config));
}
