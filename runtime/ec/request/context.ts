/**
 * The context of one request: who asks, which ids came with it, and what consent allows. It is read once, without a store, and
 * never changes; what a request adds to it, such as a minted id, makes a new value.
 * @module
 */
import type { Client } from "../../platform.ts";
import type { Identity } from "../id.ts";
import { allowsEcCreation, type Consent, type ConsentPolicy, decideConsent } from "./consent.ts";
import { readCookies } from "./cookie.ts";
import { EID_COOKIES, type EidCookies, eidCookiesOf } from "./eid-cookies.ts";
import { normaliseIp } from "./ip.ts";
import { readConsentSignals, SIGNAL_COOKIES } from "./signals.ts";

/** The header in which the publisher's infrastructure forwards the id, and in which a new id is returned. */
export const EC_HEADER = "x-ts-ec";

/** Maximum number of ids that are read from one request's cookies. Cookies of one name differ by domain and path. */
export const MAX_COOKIE_IDS = 8;

/** What the service knows of a request. */
export interface EcContext {
  /** When the request was read, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** Normalised address, country and region; each `null` if not known. */
  readonly client: Readonly<Client>;
  /** The request has the id's cookie, valid or not. */
  readonly cookieWasPresent: boolean;
  /** The cookie's id; `null` if it is not valid. */
  readonly cookieId: string | null;
  /** Other valid ids, from further cookies of the same name. */
  readonly otherCookieIds?: readonly string[];
  /** The header's id; `null` if it is not valid. */
  readonly headerId: string | null;
  /** The cookies with the ids of the page's Prebid.js; `null`: there are none. */
  readonly eidCookies?: EidCookies | null;
  /** The decision on consent. */
  readonly consent: Consent;
  /** The header's id, else the cookie's, else the one that this request minted. */
  readonly activeId: string | null;
  /** This request minted `activeId`. */
  readonly ecGenerated: boolean;
}

/** What {@link readContext} needs besides the request. */
export interface ContextSettings {
  readonly identity: Pick<Identity, "isValid">;
  readonly policy: ConsentPolicy;
  /** Whether an id in the header `x-ts-ec` counts. */
  readonly readEcHeader: boolean;
  /** The cookies to read, as {@link cookiesToRead} returns them. */
  readonly cookieNames: readonly string[];
}

/**
 * The names of all cookies that a request is read for.
 * @param ecCookie the cookie of the EC id.
 */
export function cookiesToRead(ecCookie: string): readonly string[] {
  return [ecCookie, ...SIGNAL_COOKIES, ...EID_COOKIES];
}

/**
 * Reads a request. A malformed header never hides a valid cookie, nor the reverse. Of several cookies with the id's name the
 * first valid one counts.
 * @param client from the host; its address is not normalised yet.
 */
export function readContext(
  headers: { get(name: string): string | null },
  client: Client,
  nowMs: number,
  { identity, policy, readEcHeader, cookieNames }: ContextSettings,
): EcContext {
  const cookies = readCookies(headers.get("cookie"), cookieNames);
  const ecCookies = cookies.get(cookieNames[0]!) ?? NONE;
  const cookieIds = validIds(ecCookies, identity);
  const cookieId = cookieIds[0] ?? null;
  const header = readEcHeader ? headers.get(EC_HEADER) : null;
  const headerId = header !== null && identity.isValid(header) ? header : null;
  const signals = readConsentSignals(cookies, headers.get("sec-gpc"), {
    nowMs,
    maxAgeDays: policy.maxAgeDays,
  });
  return {
    nowMs,
    client: {
      ip: client.ip === null ? null : normaliseIp(client.ip),
      country: client.country,
      region: client.region,
    },
    cookieWasPresent: ecCookies.length > 0,
    cookieId,
    otherCookieIds: cookieIds.length > 1 ? cookieIds.slice(1) : NONE,
    headerId,
    eidCookies: eidCookiesOf(cookies),
    consent: decideConsent(signals, client, policy, nowMs),
    activeId: headerId ?? cookieId,
    ecGenerated: false,
  };
}

/** The context of a request for which an id was minted. */
export function withMintedId(context: EcContext, id: string): EcContext {
  return { ...context, activeId: id, ecGenerated: true };
}

/** The context of a request without consent signals of its own that states consent in another way. */
export function withConsent(context: EcContext, consent: Consent): EcContext {
  return { ...context, consent };
}

const NONE: readonly string[] = [];

/** The valid ids among some cookies' values: each once, at most {@link MAX_COOKIE_IDS}. */
function validIds(values: readonly string[], identity: Pick<Identity, "isValid">): readonly string[] {
  // Nearly every request has one cookie or none.
  if (values.length <= 1) return values.length === 1 && identity.isValid(values[0]!) ? values : NONE;
  const ids = new Set<string>();
  for (const value of values) {
    if (identity.isValid(value)) ids.add(value);
    if (ids.size === MAX_COOKIE_IDS) break;
  }
  return [...ids];
}

/** Whether a request needs a new id: it has none, consent allows one, and the address is known. */
export type MintNeed = "needed" | "not_needed" | "not_allowed" | "no_address";

/** Whether a request needs a new id, or why not. */
export function mintNeed({ consent, activeId, client }: EcContext): MintNeed {
  if (!allowsEcCreation(consent)) return "not_allowed";
  if (activeId !== null) return "not_needed";
  return client.ip === null ? "no_address" : "needed";
}
