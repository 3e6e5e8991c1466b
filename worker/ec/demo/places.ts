/**
 * The place that the visitor chose. Only the demonstration lets a visitor choose: a real service gets the place from its host
 * or from a header that its operator trusts.
 * @module
 */
import { readCookies } from "../../../runtime/ec/request/cookie.ts";

/** The cookie with the chosen place. */
export const PLACE_COOKIE = "demo-place";

/** One place to choose. */
export interface Place {
  key: string;
  name: string;
  country: string | null;
  region: string | null;
}

/** The default place, which requires consent. */
const FRANCE: Place = { key: "FR", name: "France", country: "FR", region: null };

export const places: readonly Place[] = [
  FRANCE,
  { key: "DE", name: "Germany", country: "DE", region: null },
  { key: "US-CA", name: "California", country: "US", region: "CA" },
  { key: "US-TX", name: "Texas", country: "US", region: "TX" },
  { key: "CA", name: "Canada", country: "CA", region: null },
  { key: "JP", name: "Japan", country: "JP", region: null },
  { key: "unknown", name: "Unknown", country: null, region: null },
];

/** The place in the request's cookie. Default: France. */
export function placeOf(headers: Headers): Place {
  const chosen = readCookies(headers.get("cookie"), [PLACE_COOKIE]).get(PLACE_COOKIE)?.[0];
  return places.find(({ key }) => key === chosen) ?? FRANCE;
}
