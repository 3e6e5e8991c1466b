/**
 * The consent signals of a request, as they came: cookies of the IAB's frameworks, and Global Privacy Control.
 * @module
 */
import { readGpp, readSectionsInForce } from "./gpp.ts";
import { readTcf } from "./tcf.ts";
import { readUsPrivacy } from "./us-privacy.ts";

/** What a visitor's browser says of consent, undecoded; `null` where it says nothing. */
export interface ConsentSignals {
  /** Cookie `euconsent-v2`, a TC string. */
  tcf: string | null;
  /** Cookie `__gpp`, a GPP string. */
  gpp: string | null;
  /** Cookie `__gpp_sid`, the GPP sections that apply. */
  gppSid: string | null;
  /** Cookie `us_privacy`. */
  usPrivacy: string | null;
  /** Header `Sec-GPC`. */
  gpc: boolean;
}

/** The cookies that {@link readSignals} wants to see. */
export const SIGNAL_COOKIES = ["euconsent-v2", "__gpp", "__gpp_sid", "us_privacy"] as const;

/** The longest signal that is read or kept, in characters; a longer one counts as absent. */
export const MAX_SIGNAL_LENGTH = 16_384;

/**
 * The signals of one request. Where a cookie came more than once, a value that does not decode never hides one that
 * does: of several TC strings the newest counts, and otherwise, as everywhere, a refusal.
 *
 * @param cookies as `readCookies` answers for {@link SIGNAL_COOKIES}
 * @param secGpc the value of the header `Sec-GPC`
 */
export function readSignals(
  cookies: ReadonlyMap<string, readonly string[]>,
  secGpc: string | null,
): ConsentSignals {
  return {
    tcf: choose(cookies.get("euconsent-v2"), rankTcf),
    gpp: choose(cookies.get("__gpp"), rankGpp),
    gppSid: choose(cookies.get("__gpp_sid"), (text) => (readSectionsInForce(text) === null ? 0 : 1)),
    usPrivacy: choose(cookies.get("us_privacy"), rankUsPrivacy),
    gpc: secGpc === "1",
  };
}

/** The same signals without those that count as absent for being empty or too long. */
export function boundSignals(signals: ConsentSignals): ConsentSignals {
  const { tcf, gpp, gppSid, usPrivacy, gpc } = signals;
  if (isBounded(tcf) && isBounded(gpp) && isBounded(gppSid) && isBounded(usPrivacy)) return signals;
  const bound = (text: string | null) => (isBounded(text) ? text : null);
  return { tcf: bound(tcf), gpp: bound(gpp), gppSid: bound(gppSid), usPrivacy: bound(usPrivacy), gpc };
}

/** Whether a request says anything of consent, readable or not. `__gpp_sid` alone says nothing. */
export function hasAnySignal(signals: ConsentSignals): boolean {
  const { tcf, gpp, usPrivacy, gpc } = boundSignals(signals);
  return gpc || tcf !== null || gpp !== null || usPrivacy !== null;
}

/** Reads one signal with percent-encoding taken off; `null` if it is absent, too long, or `read` finds nothing in it. */
export function readSignal<T>(text: string | null, read: (text: string) => T | null): T | null {
  if (text === null || !isBounded(text)) return null;
  if (!text.includes("%")) return read(text);
  try {
    return read(decodeURIComponent(text));
  } catch {
    return null; // a stray percent sign
  }
}

function isBounded(text: string | null): boolean {
  return text === null || (text !== "" && text.length <= MAX_SIGNAL_LENGTH);
}

/** The value of the highest rank, the first of equals; what does not decode has rank 0. */
function choose(values: readonly string[] | undefined, rank: (text: string) => number): string | null {
  if (values === undefined) return null;
  let best = values[0]!;
  if (values.length === 1) return best;
  let bestRank = readSignal(best, rank) ?? 0;
  for (let i = 1; i < values.length; i++) {
    const valueRank = readSignal(values[i]!, rank) ?? 0;
    if (valueRank > bestRank) {
      best = values[i]!;
      bestRank = valueRank;
    }
  }
  return best;
}

/** The newest; of equals, the refusal. */
function rankTcf(text: string): number {
  const facts = readTcf(text);
  return facts === null ? 0 : 1 + facts.lastUpdatedMs + (facts.purpose1 ? 0 : 1);
}

function rankGpp(text: string): number {
  const facts = readGpp(text);
  if (facts === null) return 0;
  const refuses =
    facts.tcf?.purpose1 === false ||
    facts.usPrivacyOptOut === true ||
    facts.us.some((section) => section.optedOutOfSale === true || section.gpc);
  return refuses ? 2 : 1;
}

function rankUsPrivacy(text: string): number {
  const optedOut = readUsPrivacy(text);
  return optedOut === null ? 0 : optedOut ? 2 : 1;
}
