/**
 * The consent signals of a request, as they came: cookies of the IAB's frameworks, and Global Privacy Control.
 * @module
 */
import { gppOptOut, readGpp, readSectionsInForce } from "./gpp.ts";
import { readTcf, tcfInvalidity } from "./tcf.ts";
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

/** When a request is read, and how old a TC string may be then: what decides which of several strings counts. */
export interface SignalsAt {
  /** Milliseconds since the epoch. */
  nowMs: number;
  maxAgeDays: number;
}

/**
 * The signals of one request. Where a cookie came more than once, a value that does not count never hides one that does:
 * neither one that does not decode, nor a TC string that is too old, dated ahead or incomplete. Of several TC strings that
 * count the newest is taken, of GPP and US Privacy strings a refusal, of lists of sections the one that permits least.
 *
 * @param cookies as `readCookies` answers for {@link SIGNAL_COOKIES}
 * @param secGpc the value of the header `Sec-GPC`
 */
export function readSignals(
  cookies: ReadonlyMap<string, readonly string[]>,
  secGpc: string | null,
  at: SignalsAt,
): ConsentSignals {
  return {
    tcf: choose(cookies.get("euconsent-v2"), rankTcf, at),
    gpp: choose(cookies.get("__gpp"), rankGpp, at),
    gppSid: choose(cookies.get("__gpp_sid"), rankSections, at),
    usPrivacy: choose(cookies.get("us_privacy"), rankUsPrivacy, at),
    gpc: secGpc !== null && !isPlainlyOff(secGpc),
  };
}

/**
 * Whether a `Sec-GPC` header says no: the specification knows `1` alone, and some clients send `0` or `?0`. Anything else,
 * such as the same header twice (`1, 1`) or with parameters, may well mean yes and counts as that.
 */
function isPlainlyOff(secGpc: string): boolean {
  return secGpc.split(",").every((item) => /^\??0$/.test(item.trim()));
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
function choose(
  values: readonly string[] | undefined,
  rank: (text: string, at: SignalsAt) => number,
  at: SignalsAt,
): string | null {
  if (values === undefined) return null;
  let best = values[0]!;
  if (values.length === 1) return best;
  const rankOf = (value: string) => readSignal(value, (text) => rank(text, at)) ?? 0;
  let bestRank = rankOf(best);
  for (let i = 1; i < values.length; i++) {
    const valueRank = rankOf(values[i]!);
    if (valueRank > bestRank) {
      best = values[i]!;
      bestRank = valueRank;
    }
  }
  return best;
}

/** The newest of those that count; of equals, the refusal. */
function rankTcf(text: string, { nowMs, maxAgeDays }: SignalsAt): number {
  const facts = readTcf(text);
  if (facts === null) return 0;
  if (tcfInvalidity(facts, nowMs, maxAgeDays) !== null) return 1;
  return 2 + facts.lastUpdatedMs + (facts.purpose1 ? 0 : 1);
}

/** An opt-out counts everywhere, a refusal of Purpose 1 where TCF does; a string that says nothing hides none that does. */
function rankGpp(text: string, { nowMs, maxAgeDays }: SignalsAt): number {
  const facts = readGpp(text);
  if (facts === null) return 0;
  if (gppOptOut(facts) !== null) return 5;
  if (facts.tcf !== null && tcfInvalidity(facts.tcf, nowMs, maxAgeDays) === null) {
    return facts.tcf.purpose1 ? 3 : 4;
  }
  const permits =
    facts.usPrivacyOptOut === false || facts.us.some((section) => section.optedOutOfSale === false);
  return permits ? 2 : 1;
}

/** The fewer sections are in force, the less is permitted: a section not in force can only refuse. */
function rankSections(text: string): number {
  const sections = readSectionsInForce(text);
  if (sections === null) return 0;
  const inForce = [...sections].filter((section) => section > 0).length;
  return 1 / (1 + inForce);
}

function rankUsPrivacy(text: string): number {
  const optedOut = readUsPrivacy(text);
  return optedOut === null ? 0 : optedOut ? 2 : 1;
}
