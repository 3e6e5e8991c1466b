/**
 * Where the demonstration's visitor says they are. Only here may a visitor say so: a real service asks its host, or a
 * header that its operator vouches for.
 * @module
 */
import { readCookies } from "../../../runtime/ec/request/cookie.ts";

/** The cookie in which the panel keeps the choice. */
export const PLACE_COOKIE = "demo-place";

/** One place of the switch. */
export interface Place {
  key: string;
  name: string;
  country: string | null;
  region: string | null;
}

/** Where a visitor is who has not chosen: somewhere that asks. */
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

/** The place that a request's demonstration cookie names, else France. */
export function placeOf(headers: Headers): Place {
  const chosen = readCookies(headers.get("cookie"), [PLACE_COOKIE]).get(PLACE_COOKIE)?.[0];
  return places.find(({ key }) => key === chosen) ?? FRANCE;
}
