/**
 * Whether an Edge Cookie may exist for a visitor, from where they are and what they said.
 * @module
 */
import { type GppFacts, readGpp, readSectionsInForce, TCF_EU, US_PRIVACY } from "./gpp.ts";
import { boundSignals, type ConsentSignals, hasAnySignal, readSignal } from "./signals.ts";
import { readTcf } from "./tcf.ts";
import { readUsPrivacy } from "./us-privacy.ts";

export { type ConsentSignals, hasAnySignal };

/** Whose rules apply. */
export type Jurisdiction = "gdpr" | "us-state" | "non-regulated" | "unknown";

/** Which rules an operator applies where. Codes are upper case. */
export interface ConsentPolicy {
  /** ISO 3166-1 alpha-2. */
  gdprCountries: ReadonlySet<string>;
  /** The second half of ISO 3166-2:US. */
  usStates: ReadonlySet<string>;
  /** A TC string whose last update is older than this counts as absent. */
  maxAgeDays: number;
  /** The country to assume where none is known; `null`: such visitors' jurisdiction is unknown. */
  assumeCountry: string | null;
}

/** The EU's 27, the rest of the European Economic Area, and the United Kingdom. */
export const DEFAULT_GDPR_COUNTRIES: readonly string[] = [
  ..."AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split(" "),
  ..."IS LI NO GB".split(" "),
];

/** The states with a privacy law in force that lets people opt out of the sale of their data. */
export const DEFAULT_US_STATES: readonly string[] =
  "CA VA CO CT UT MT OR TX FL DE IA NE NH NJ TN MN MD IN KY RI".split(" ");

const DAY_MS = 86_400_000;

/** What decided: a short code that never changes its meaning, for logs, metrics and people. */
export type ConsentReason = Permission | Refusal | Absence;

/** An EC may exist. */
type Permission =
  /** No rules apply. */
  | "non_regulated"
  /** TCF Purpose 1 is consented to. */
  | "tcf_purpose1"
  /** A GPP section in force says that the visitor did not opt out of sale. */
  | "gpp_not_opted_out"
  /** A US Privacy string is there and does not opt out of sale. */
  | "us_privacy_not_opted_out";

/** The visitor said no. */
type Refusal =
  /** TCF Purpose 1 is not consented to. */
  | "tcf_no_purpose1"
  /** The browser sends Global Privacy Control. */
  | "gpc"
  /** A GPP section records Global Privacy Control. */
  | "gpp_gpc"
  /** A GPP section opts out of sale. */
  | "gpp_sale_opt_out"
  /** A US Privacy string opts out of sale. */
  | "us_privacy_opt_out";

/** Nobody said yes where a yes is needed. */
type Absence =
  /** The country, and so the jurisdiction, is not known. */
  | "no_country"
  /** The only TC string is too old. */
  | "tcf_expired"
  /** There are signals, but none that decodes, applies here and says anything. */
  | "no_usable_signal"
  | "no_signal";

const PERMISSIONS: ReadonlySet<ConsentReason> = new Set<Permission>([
  "non_regulated",
  "tcf_purpose1",
  "gpp_not_opted_out",
  "us_privacy_not_opted_out",
]);

/** What was decided for one request, and why. */
export interface Consent {
  readonly jurisdiction: Jurisdiction;
  /** The country that decided, ISO 3166-1 alpha-2, upper case; the assumed one where none is known. */
  readonly country: string | null;
  /** The second half of ISO 3166-2, upper case. */
  readonly region: string | null;
  /** As they came, but for those that are empty or too long: they count as absent and are not kept. */
  readonly signals: ConsentSignals;
  /** Ask {@link allowsEcCreation} instead. */
  readonly allowed: boolean;
  readonly reason: ConsentReason;
}

/**
 * Decides on one request. A string that does not decode counts as absent; where two signals disagree the refusal wins.
 *
 * @param client where the visitor is; codes in any case, the region with or without its country
 * @param nowMs milliseconds since the epoch
 */
export function decideConsent(
  signals: ConsentSignals,
  client: { country: string | null; region: string | null },
  policy: ConsentPolicy,
  nowMs: number,
): Consent {
  const country = readCountry(client.country) ?? readCountry(policy.assumeCountry);
  const region = readRegion(client.region, country);
  const kept = boundSignals(signals);
  const jurisdiction = jurisdictionOf(country, region, policy);
  const reason = reasonFor(jurisdiction, kept, policy, nowMs);
  return { jurisdiction, country, region, signals: kept, allowed: PERMISSIONS.has(reason), reason };
}

/** Whether an Edge Cookie may be made, kept, shown or passed on. The one gate: nothing else decides this. */
export function allowsEcCreation(consent: Consent): boolean {
  return consent.allowed;
}

function jurisdictionOf(country: string | null, region: string | null, policy: ConsentPolicy): Jurisdiction {
  if (country === null) return "unknown";
  if (policy.gdprCountries.has(country)) return "gdpr";
  if (country === "US" && region !== null && policy.usStates.has(region)) return "us-state";
  return "non-regulated";
}

function reasonFor(
  jurisdiction: Jurisdiction,
  signals: ConsentSignals,
  policy: ConsentPolicy,
  nowMs: number,
): ConsentReason {
  if (jurisdiction === "unknown") return "no_country";
  if (jurisdiction === "non-regulated") return "non_regulated";
  if (jurisdiction === "us-state" && signals.gpc) return "gpc";

  const gpp = readSignal(signals.gpp, readGpp);
  const sections = readSignal(signals.gppSid, readSectionsInForce);
  const isInForce = (section: number) => sections === null || sections.has(section);
  const tcf = tcfReason(signals, gpp, isInForce, nowMs - policy.maxAgeDays * DAY_MS);
  const reason = jurisdiction === "gdpr" ? tcf : usStateReason(signals, gpp, isInForce, tcf);
  return reason ?? (hasAnySignal(signals) ? "no_usable_signal" : "no_signal");
}

type TcfReason = "tcf_purpose1" | "tcf_no_purpose1" | "tcf_expired";

/** What the TC strings say together, the cookie's and that of the GPP section; `null`: there is none. */
function tcfReason(
  signals: ConsentSignals,
  gpp: GppFacts | null,
  isInForce: (section: number) => boolean,
  oldestMs: number,
): TcfReason | null {
  let reason: TcfReason | null = null;
  const cookie = readSignal(signals.tcf, readTcf);
  for (const tcf of [cookie, gpp?.tcf ?? null]) {
    if (tcf === null) continue;
    if (tcf.lastUpdatedMs < oldestMs) reason ??= "tcf_expired";
    else if (!tcf.purpose1) return "tcf_no_purpose1";
    else if (tcf === cookie || isInForce(TCF_EU)) reason = "tcf_purpose1";
  }
  return reason;
}

/** The rules of the states, Global Privacy Control's header aside. A refusal counts wherever it stands. */
function usStateReason(
  signals: ConsentSignals,
  gpp: GppFacts | null,
  isInForce: (section: number) => boolean,
  tcf: TcfReason | null,
): ConsentReason | null {
  const sections = gpp?.us ?? [];
  if (gpp?.usPrivacyOptOut === true || sections.some((section) => section.optedOutOfSale === true)) {
    return "gpp_sale_opt_out";
  }
  if (sections.some((section) => section.gpc)) return "gpp_gpc";
  const usPrivacyOptOut = readSignal(signals.usPrivacy, readUsPrivacy);
  if (usPrivacyOptOut === true) return "us_privacy_opt_out";

  if (tcf === "tcf_purpose1" || tcf === "tcf_no_purpose1") return tcf;
  if (sections.some(({ optedOutOfSale, section }) => optedOutOfSale === false && isInForce(section))) {
    return "gpp_not_opted_out";
  }
  const isInGpp = gpp?.usPrivacyOptOut === false && isInForce(US_PRIVACY);
  if (usPrivacyOptOut === false || isInGpp) return "us_privacy_not_opted_out";
  return tcf;
}

/** Codes that geography services use for "somewhere": no country at all, or a part of the world. */
const NO_COUNTRY = new Set(["XX", "ZZ", "EU", "AP"]);
/** Codes in use beside ISO 3166's own. */
const ALIASES = new Map([
  ["UK", "GB"],
  ["EL", "GR"],
]);

function readCountry(text: string | null): string | null {
  if (text === null || !/^[A-Za-z]{2}$/.test(text)) return null;
  const code = text.toUpperCase();
  return NO_COUNTRY.has(code) ? null : (ALIASES.get(code) ?? code);
}

/** `CA`, `ca` and `US-CA` are one region. */
function readRegion(text: string | null, country: string | null): string | null {
  if (text === null) return null;
  const match = /^(?:([a-z]{2})-)?([a-z0-9]{1,3})$/i.exec(text);
  if (match === null) return null;
  const [, prefix, code] = match as unknown as [string, string | undefined, string];
  return prefix === undefined || readCountry(prefix) === country ? code.toUpperCase() : null;
}
