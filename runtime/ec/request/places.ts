/**
 * Codes of countries and regions, as geography services write them.
 * @module
 */

/** Codes that geography services use for an unknown country or a part of the world. */
const NO_COUNTRY = new Set(["XX", "ZZ", "EU", "AP"]);
/** Other codes in use, and those that ISO 3166 reserves for parts of a country. */
const ALIASES = new Map([
  ["UK", "GB"],
  ["XI", "GB"],
  ["EL", "GR"],
  ["FX", "FR"],
  ["EA", "ES"],
  ["IC", "ES"],
]);

/**
 * A country's ISO 3166-1 alpha-2 code, upper case.
 * @param text in any case; some other codes in use are understood, such as `UK`
 * @returns `null` if `text` is no country's code
 */
export function readCountry(text: string | null): string | null {
  if (text === null || !/^[A-Za-z]{2}$/.test(text)) return null;
  const code = text.toUpperCase();
  return NO_COUNTRY.has(code) ? null : (ALIASES.get(code) ?? code);
}

/**
 * The second half of a region's ISO 3166-2 code, upper case: `CA`, `ca` and `US-CA` are one region of the US.
 * @param country as {@link readCountry} returns it
 * @returns `null` if `text` is no region's code, or another country's
 */
export function readRegion(text: string | null, country: string | null): string | null {
  if (text === null) return null;
  const match = /^(?:([a-z]{2})-)?([a-z0-9]{1,3})$/i.exec(text);
  if (match === null) return null;
  const [, prefix, code] = match as unknown as [string, string | undefined, string];
  return prefix === undefined || readCountry(prefix) === country ? code.toUpperCase() : null;
}
