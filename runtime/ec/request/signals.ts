/**
 * The consent signals of a request: cookies of the IAB's frameworks, and Global Privacy Control. Each text is bounded, freed of
 * percent-encoding and decoded at most once, when its meaning is first asked for.
 * @module
 */
import { type GppFacts, gppOptOut, readGpp, readSectionsInForce } from "./gpp.ts";
import { readTcf, type TcfFacts, tcfInvalidity } from "./tcf.ts";
import { readUsPrivacy } from "./us-privacy.ts";

/** The signals as the browser sent them. `null`: absent, empty, or longer than {@link MAX_SIGNAL_LENGTH}. */
export interface RawSignals {
  /** Cookie `euconsent-v2`, a TC string. */
  readonly tcf: string | null;
  /** Cookie `__gpp`, a GPP string. */
  readonly gpp: string | null;
  /** Cookie `__gpp_sid`, the GPP sections that apply. */
  readonly gppSid: string | null;
  /** Cookie `us_privacy`. */
  readonly usPrivacy: string | null;
  /** Header `Sec-GPC`. */
  readonly gpc: boolean;
}

/** The signals of one request with their meaning. */
export interface ConsentSignals {
  readonly raw: RawSignals;
  readonly tcf: Signal<TcfFacts> | null;
  readonly gpp: Signal<GppFacts> | null;
  /** The GPP sections that apply. */
  readonly sections: Signal<ReadonlySet<number>> | null;
  /** Whether the US Privacy string opts out of sale. */
  readonly usPrivacy: Signal<boolean> | null;
  /** Global Privacy Control. */
  readonly gpc: boolean;
}

/** The cookies that {@link readConsentSignals} reads. */
export const SIGNAL_COOKIES = ["euconsent-v2", "__gpp", "__gpp_sid", "us_privacy"] as const;

/** Maximum length of a signal, in characters. A longer one counts as absent. */
export const MAX_SIGNAL_LENGTH = 16_384;

/** One signal. Decodes its text once, when first asked. */
export class Signal<Facts> {
  /** The text as it came. */
  readonly raw: string;
  readonly #read: (text: string) => Facts | null;
  #text: string | null = null;
  /** `undefined`: not decoded yet. */
  #facts: Facts | null | undefined;

  constructor(raw: string, read: (text: string) => Facts | null) {
    this.raw = raw;
    this.#read = read;
  }

  /** What the text says; `null`: it cannot be read. */
  get facts(): Facts | null {
    if (this.#facts === undefined) {
      this.#text = withoutPercentEncoding(this.raw);
      this.#facts = this.#text === null ? null : this.#read(this.#text);
    }
    return this.#facts;
  }

  /** The text without percent-encoding; `null`: it cannot be read. */
  get text(): string | null {
    return this.facts === null ? null : this.#text;
  }
}

/** When a request is read, and how old a TC string may be then: this decides which of several strings counts. */
export interface SignalsAt {
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  readonly maxAgeDays: number;
}

/**
 * Reads the signals of one request. Where a cookie came more than once, a value that counts is never hidden by one that does
 * not: one that does not decode, or a TC string that is too old, dated ahead or incomplete. Of several TC strings that count the
 * newest is taken, of GPP and US Privacy strings a refusal, of lists of sections the one that permits least.
 *
 * @param cookies as `readCookies` returns them for {@link SIGNAL_COOKIES}.
 * @param secGpc the value of the header `Sec-GPC`.
 */
export function readConsentSignals(
  cookies: ReadonlyMap<string, readonly string[]>,
  secGpc: string | null,
  at: SignalsAt,
): ConsentSignals {
  const gpc = secGpc !== null && !isPlainlyOff(secGpc);
  const tcf = choose(cookies.get("euconsent-v2"), readTcf, rankTcf, at);
  const gpp = choose(cookies.get("__gpp"), readGpp, rankGpp, at);
  const sections = choose(cookies.get("__gpp_sid"), readSectionsInForce, rankSections, at);
  const usPrivacy = choose(cookies.get("us_privacy"), readUsPrivacy, rankUsPrivacy, at);
  return signalsOf(tcf, gpp, sections, usPrivacy, gpc);
}

/** The signals that some texts are. Texts that are empty or too long count as absent. */
export function consentSignals({ tcf, gpp, gppSid, usPrivacy, gpc }: RawSignals): ConsentSignals {
  return signalsOf(
    signal(tcf, readTcf),
    signal(gpp, readGpp),
    signal(gppSid, readSectionsInForce),
    signal(usPrivacy, readUsPrivacy),
    gpc,
  );
}

/** Whether a request says anything about consent, readable or not. `__gpp_sid` alone says nothing. */
export function hasAnySignal({ tcf, gpp, usPrivacy, gpc }: ConsentSignals): boolean {
  return gpc || tcf !== null || gpp !== null || usPrivacy !== null;
}

/** The signals of a request without any: one value for all, because most requests have none. */
const NO_SIGNALS: ConsentSignals = {
  raw: { tcf: null, gpp: null, gppSid: null, usPrivacy: null, gpc: false },
  tcf: null,
  gpp: null,
  sections: null,
  usPrivacy: null,
  gpc: false,
};

function signalsOf(
  tcf: Signal<TcfFacts> | null,
  gpp: Signal<GppFacts> | null,
  sections: Signal<ReadonlySet<number>> | null,
  usPrivacy: Signal<boolean> | null,
  gpc: boolean,
): ConsentSignals {
  if (tcf === null && gpp === null && sections === null && usPrivacy === null && !gpc) return NO_SIGNALS;
  const raw = {
    tcf: tcf?.raw ?? null,
    gpp: gpp?.raw ?? null,
    gppSid: sections?.raw ?? null,
    usPrivacy: usPrivacy?.raw ?? null,
    gpc,
  };
  return { raw, tcf, gpp, sections, usPrivacy, gpc };
}

/**
 * Whether a `Sec-GPC` header says no. The specification knows only `1`, and some clients send `0` or `?0`. Any other value, for
 * example the same header twice (`1, 1`) or with parameters, may mean yes and counts as yes.
 */
function isPlainlyOff(secGpc: string): boolean {
  return secGpc.split(",").every((item) => /^\??0$/.test(item.trim()));
}

function isBounded(text: string): boolean {
  return text !== "" && text.length <= MAX_SIGNAL_LENGTH;
}

function signal<Facts>(raw: string | null, read: (text: string) => Facts | null): Signal<Facts> | null {
  return raw === null || !isBounded(raw) ? null : new Signal(raw, read);
}

/** @returns `null` for text with a stray percent sign. */
function withoutPercentEncoding(text: string): string | null {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** The value of the highest rank, the first of equals. A value that does not decode has rank 0. */
function choose<Facts>(
  values: readonly string[] | undefined,
  read: (text: string) => Facts | null,
  rank: (facts: Facts, at: SignalsAt) => number,
  at: SignalsAt,
): Signal<Facts> | null {
  if (values === undefined) return null;
  if (values.length === 1) return signal(values[0]!, read);
  let best: Signal<Facts> | null = null;
  let bestRank = -1;
  for (const value of values) {
    const candidate = signal(value, read);
    if (candidate === null) continue;
    const { facts } = candidate;
    const candidateRank = facts === null ? 0 : rank(facts, at);
    if (candidateRank > bestRank) {
      best = candidate;
      bestRank = candidateRank;
    }
  }
  return best;
}

/** The newest of those that count; of equals, the refusal. */
function rankTcf(facts: TcfFacts, { nowMs, maxAgeDays }: SignalsAt): number {
  if (tcfInvalidity(facts, nowMs, maxAgeDays) !== null) return 1;
  return 2 + facts.lastUpdatedMs + (facts.purpose1 ? 0 : 1);
}

/** An opt-out counts everywhere, a refusal of Purpose 1 where TCF does; a string that says nothing hides no other one. */
function rankGpp(facts: GppFacts, { nowMs, maxAgeDays }: SignalsAt): number {
  if (gppOptOut(facts) !== null) return 5;
  if (facts.tcf !== null && tcfInvalidity(facts.tcf, nowMs, maxAgeDays) === null) {
    return facts.tcf.purpose1 ? 3 : 4;
  }
  const permits =
    facts.usPrivacyOptOut === false || facts.us.some((section) => section.optedOutOfSale === false);
  return permits ? 2 : 1;
}

/** The fewer sections are in force, the less is permitted: a section that is not in force can only refuse. */
function rankSections(sections: ReadonlySet<number>): number {
  const inForce = [...sections].filter((section) => section > 0).length;
  return 1 / (1 + inForce);
}

function rankUsPrivacy(optedOut: boolean): number {
  return optedOut ? 2 : 1;
}
