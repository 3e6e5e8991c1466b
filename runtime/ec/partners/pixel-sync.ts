/**
 * Pixel sync: a partner's page redirects the visitor's browser here with the partner's own id for the visitor. The browser is sent
 * back with the result.
 * @module
 */

import { isLoopbackHost } from "../../lib/addresses.ts";
import { parseUrl } from "../../lib/schema.ts";
import { allowsEcCreation, type Consent } from "../request/consent.ts";
import { CONSENT_PARAMETERS } from "../request/consent-parameters.ts";
import type { EcContext } from "../request/context.ts";
import { type ConsentSignals, consentSignals, hasAnySignal, type RawSignals } from "../request/signals.ts";
import type { Partner, PartnerRules } from "./partner.ts";
import { isUid, UID_RULE } from "./uid.ts";

/** The parameters of one request. */
export interface PixelQuery {
  partner: string;
  uid: string;
  /** Where the browser is sent afterwards. */
  return: string;
  /** What the page says of consent, if anything. */
  stated: RawSignals | null;
}

/** The result; every value but `synced` is a `ts_reason`. */
export type PixelResult = "synced" | "no_ec" | "no_consent" | "write_failed";

const PARAMETERS: readonly string[] = ["partner", "uid", "return", "consent", ...CONSENT_PARAMETERS];

/** Reads the parameters. The first three are required, each may be given once, and others are refused. */
export function readPixelQuery(query: URLSearchParams): PixelQuery | { fault: string } {
  for (const name of query.keys()) {
    if (!PARAMETERS.includes(name)) {
      return {
        fault: `there is no parameter ${JSON.stringify(name.slice(0, 40))}; is return percent-encoded?`,
      };
    }
    if (query.getAll(name).length > 1) return { fault: `${name} is given twice; send it once` };
  }
  const partner = query.get("partner");
  const uid = query.get("uid");
  const back = query.get("return");
  if (!partner) return { fault: "partner is missing; send your partner id" };
  if (!isUid(uid)) return { fault: `uid must have ${UID_RULE}` };
  if (!back) return { fault: "return is missing; send the percent-encoded URL to go back to" };
  return { partner, uid, return: back, stated: statedSignals(query) };
}

/** The signals of the consent parameters, and of `consent`, which is a string of any of the kinds; `null`: there are none. */
function statedSignals(query: URLSearchParams): RawSignals | null {
  const consent = query.get("consent") ?? "";
  // A US Privacy string has its four characters, a GPP string its header's type and version, a TC string version 2.
  const given = (name: string, form: RegExp) => query.get(name) || (form.test(consent) ? consent : null);
  const tcf = given("gdpr_consent", /^C/);
  const gpp = given("gpp", /^DB/);
  const usPrivacy = given("us_privacy", /^1[YN-]{3}$/i);
  if (tcf === null && gpp === null && usPrivacy === null) return null;
  return { tcf, gpp, gppSid: query.get("gpp_sid") || null, usPrivacy, gpc: false };
}

/**
 * Where to send the browser afterwards.
 * @returns a fault if `return` is not https, or its host is not exactly one of the partner's.
 */
export function readReturnUrl(
  text: string,
  { allowedReturnDomains }: Partner,
  { allowInsecure }: PartnerRules,
): URL | { fault: string } {
  const url = parseUrl(text);
  if (url === null) return { fault: "return must be an absolute URL, percent-encoded" };
  const isPlainAllowed = allowInsecure && url.protocol === "http:" && isLoopbackHost(url.hostname);
  if (url.protocol !== "https:" && !isPlainAllowed) return { fault: "return must be an https URL" };
  if (url.username !== "" || url.password !== "") return { fault: "return must have no user and password" };
  if (!allowedReturnDomains.includes(url.hostname.replace(/\.$/, ""))) {
    return { fault: "the host of return must be one of the partner's allowed_return_domains" };
  }
  return url;
}

/** The address to send the browser to: `ts_synced` and `ts_reason` are appended to its query, the rest is unchanged. */
export function withResult(back: URL, result: PixelResult): string {
  const url = new URL(back);
  const added = result === "synced" ? "ts_synced=1" : `ts_synced=0&ts_reason=${result}`;
  url.search = url.search === "" ? added : `${url.search}&${added}`;
  return url.href;
}

/** Why nothing may be written for this request; `null`: it may be written. */
export function pixelRefusal({ cookieId, consent }: EcContext): "no_ec" | "no_consent" | null {
  if (cookieId === null) return "no_ec";
  return allowsEcCreation(consent) ? null : "no_consent";
}

/**
 * The signals that the pixel's parameters state, for a request without signals of its own.
 * @returns `null` if there are none, or the request's own signals count.
 */
export function signalsOf(stated: RawSignals | null, own: ConsentSignals): ConsentSignals | null {
  if (stated === null || hasAnySignal(own)) return null;
  return consentSignals({ ...stated, gppSid: stated.gppSid ?? own.raw.gppSid });
}

/** A decision on the parameters with the request's own signals: it counts for this request, and they are never stored. */
export function unrecorded(decided: Consent, own: ConsentSignals): Consent {
  return { ...decided, signals: own };
}
