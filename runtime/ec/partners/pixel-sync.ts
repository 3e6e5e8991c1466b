/**
 * Pixel sync: a partner's page sends the visitor's browser by, with the partner's own id for the visitor, and gets it
 * back with word of what became of it.
 * @module
 */

import { isLoopbackHost } from "../../lib/addresses.ts";
import { parseUrl } from "../../lib/schema.ts";
import { allowsEcCreation, type Consent, type ConsentSignals, hasAnySignal } from "../request/consent.ts";
import type { EcContext } from "../request/context.ts";
import type { Partner, PartnerRules } from "./partner.ts";
import { isUid, UID_RULE } from "./uid.ts";

/** The parameters of one request. */
export interface PixelQuery {
  partner: string;
  uid: string;
  /** Where the browser goes next. */
  return: string;
  /** A consent string, if the page has one to say. */
  consent: string | null;
}

/** What became of the id; every word but `synced` is a `ts_reason`. */
export type PixelResult = "synced" | "no_ec" | "no_consent" | "write_failed";

const PARAMETERS = ["partner", "uid", "return", "consent"];

/** Reads the parameters: the first three and no unknown ones, each once. Otherwise tells what is wrong. */
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
  return { partner, uid, return: back, consent: query.get("consent") };
}

/**
 * Where to send the browser afterwards.
 * @returns what is wrong if `return` is not https, or its host is not exactly one of the partner's.
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

/** The address to go back to, with `ts_synced` (and `ts_reason`) at the end of its query and the rest untouched. */
export function withResult(back: URL, result: PixelResult): string {
  const url = new URL(back);
  const added = result === "synced" ? "ts_synced=1" : `ts_synced=0&ts_reason=${result}`;
  url.search = url.search === "" ? added : `${url.search}&${added}`;
  return url.href;
}

/** Why nothing may be written for this request; `null`: it may. */
export function pixelRefusal({ cookieId, consent }: EcContext): "no_ec" | "no_consent" | null {
  if (cookieId === null) return "no_ec";
  return allowsEcCreation(consent) ? null : "no_consent";
}

/**
 * What the `consent` parameter says, for a request that carries no signal of its own.
 * @returns `null` if there is nothing to replace the request's own signals by.
 */
export function signalsOf(parameter: string | null, own: ConsentSignals): ConsentSignals | null {
  if (parameter === null || hasAnySignal(own)) return null;
  const none: ConsentSignals = { tcf: null, gpp: null, gppSid: own.gppSid, usPrivacy: null, gpc: false };
  // A US Privacy string has its four characters, a GPP string its header's type and version, a TC string version 2.
  if (/^1[YN-]{3}$/i.test(parameter)) return { ...none, usPrivacy: parameter };
  if (parameter.startsWith("DB")) return { ...none, gpp: parameter };
  if (parameter.startsWith("C")) return { ...none, tcf: parameter };
  return null;
}

/** A decision made on the parameter, without the parameter: it counts for this request and is never stored. */
export function unrecorded(decided: Consent, own: ConsentSignals): Consent {
  return { ...decided, signals: own };
}
