/**
 * One request, read once: who asks, which ids came with it, and what consent allows. Nothing here touches a store.
 * @module
 */
import type { Client } from "../../platform.ts";
import type { Identity } from "../id.ts";
import { allowsEcCreation, type Consent, type ConsentPolicy, decideConsent } from "./consent.ts";
import { EC_COOKIE, readCookies } from "./cookie.ts";
import { normaliseIp } from "./ip.ts";
import { readSignals, SIGNAL_COOKIES } from "./signals.ts";

/** The header in which a publisher's own infrastructure forwards the id, and in which a new one is answered. */
export const EC_HEADER = "x-ts-ec";

const COOKIE_NAMES = [EC_COOKIE, ...SIGNAL_COOKIES];

/** How many ids of one request's cookies are read: cookies of one name differ by domain and path, so that few are real. */
export const MAX_COOKIE_IDS = 8;

/** What everything after {@link readContext} knows of a request. */
export interface EcContext {
  /** When the request was read, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** Normalised address, country and region; each `null` where not known. */
  readonly client: Client;
  /** A `ts-ec` cookie came along, valid or not. */
  readonly cookieWasPresent: boolean;
  /** The cookie's id if it is a valid one. */
  readonly cookieId: string | null;
  /** Other valid ids, from further `ts-ec` cookies; left out where there are none. */
  readonly otherCookieIds?: readonly string[];
  /** The header's id if it is a valid one. */
  readonly headerId: string | null;
  /** Replaced only by a request that carries no consent of its own and states it in another way. */
  consent: Consent;
  /** The header's id, else the cookie's, else one minted now. */
  activeId: string | null;
  /** `activeId` was minted by this request. */
  ecGenerated: boolean;
  /** The visitor had their identity deleted by this request. */
  erased: boolean;
}

/** What reading a request takes besides the request. */
export interface ContextSettings {
  identity: Identity;
  policy: ConsentPolicy;
  /** False where the publisher's infrastructure never forwards the id in a header. */
  readEcHeader: boolean;
}

/**
 * Reads a request. A malformed header never hides a valid cookie, nor the reverse; of several `ts-ec` cookies the
 * first valid one counts.
 * @param client as the host's adapter has it; the address not yet normalised.
 */
export function readContext(
  headers: { get(name: string): string | null },
  client: Client,
  nowMs: number,
  { identity, policy, readEcHeader }: ContextSettings,
): EcContext {
  const cookies = readCookies(headers.get("cookie"), COOKIE_NAMES);
  const ecCookies = cookies.get(EC_COOKIE) ?? NONE;
  const cookieIds = validIds(ecCookies, identity);
  const cookieId = cookieIds[0] ?? null;
  const header = readEcHeader ? headers.get(EC_HEADER) : null;
  const headerId = header !== null && identity.isValid(header) ? header : null;
  const signals = readSignals(cookies, headers.get("sec-gpc"), { nowMs, maxAgeDays: policy.maxAgeDays });
  return {
    nowMs,
    client: { ...client, ip: client.ip === null ? null : normaliseIp(client.ip) },
    cookieWasPresent: ecCookies.length > 0,
    cookieId,
    otherCookieIds: cookieIds.length > 1 ? cookieIds.slice(1) : NONE,
    headerId,
    consent: decideConsent(signals, client, policy, nowMs),
    activeId: headerId ?? cookieId,
    ecGenerated: false,
    erased: false,
  };
}

const NONE: readonly string[] = [];

/** The valid ids of some cookies, each once, the first of them at most. */
function validIds(values: readonly string[], identity: Identity): readonly string[] {
  // What nearly every request has: one cookie, or none.
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

/** Tells whether a request needs a new id, or why not. */
export function mintNeed({ consent, activeId, client }: EcContext): MintNeed {
  if (!allowsEcCreation(consent)) return "not_allowed";
  if (activeId !== null) return "not_needed";
  return client.ip === null ? "no_address" : "needed";
}

/** Gives a request the id that was minted for it. */
export function takeMinted(context: EcContext, id: string): void {
  context.activeId = id;
  context.ecGenerated = true;
}
