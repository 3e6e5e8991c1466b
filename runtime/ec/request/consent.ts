/**
 * Whether an Edge Cookie may exist for a visitor, by their place and their consent signals.
 * @module
 */
import { type GppFacts, type GppOptOut, gppOptOut, TCF_EU, US_PRIVACY } from "./gpp.ts";
import { readCountry, readRegion } from "./places.ts";
import { type ConsentSignals, hasAnySignal } from "./signals.ts";
import { type TcfFacts, type TcfInvalidity, tcfInvalidity } from "./tcf.ts";

/** The law that applies. */
export type Jurisdiction = "gdpr" | "us-state" | "non-regulated" | "unknown";

/**
 * What withdraws the consent of a visitor who has an id: `any` decision that does not allow an id, or only an `explicit` refusal
 * or opt-out that can be read. Otherwise the response carries no id, and the id stays.
 */
export type WithdrawalRule = "any" | "explicit";

/** Whether partners without an id in the Global Vendor List may get ids where the GDPR applies. */
export type VendorlessRule = "allow" | "deny";

/** The operator's rules on consent. Codes are upper case. */
export interface ConsentPolicy {
  /** Countries under GDPR, ISO 3166-1 alpha-2. */
  readonly gdprCountries: ReadonlySet<string>;
  /** States of the US with a privacy law, the second half of ISO 3166-2:US. */
  readonly usStates: ReadonlySet<string>;
  /** Maximum age of a TC string, in days. An older one counts as absent. */
  readonly maxAgeDays: number;
  /** The country of visitors whose country is not known; `null`: their jurisdiction is unknown. */
  readonly assumeCountry: string | null;
  readonly withdrawal: WithdrawalRule;
  /** `null`: `deny` once any partner has an id in the Global Vendor List. */
  readonly vendorless: VendorlessRule | null;
}

/**
 * The EU's 27; its territories that have country codes of their own (TFEU Article 355: Réunion, Guadeloupe, Martinique,
 * French Guiana, Mayotte, Saint Martin, the Åland Islands); the rest of the European Economic Area; the United Kingdom and
 * Gibraltar, which have kept the regulation.
 */
export const DEFAULT_GDPR_COUNTRIES: readonly string[] = [
  ..."AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split(" "),
  ..."RE GP MQ GF YT MF AX".split(" "),
  ..."IS LI NO".split(" "),
  ..."GB GI".split(" "),
];

/** The states with a privacy law in force that lets people opt out of the sale of their data. */
export const DEFAULT_US_STATES: readonly string[] =
  "CA VA CO CT UT MT OR TX FL DE IA NE NH NJ TN MN MD IN KY RI".split(" ");

/** Why consent was decided as it was: a code whose meaning never changes, for logs, metrics and people. */
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

/** The visitor refused, in a way that can be read. */
type Refusal =
  /** TCF Purpose 1 is not consented to. */
  | "tcf_no_purpose1"
  /** The browser sends Global Privacy Control. */
  | "gpc"
  /** A GPP section opts out of sale, sharing or targeted advertising, or records Global Privacy Control. */
  | GppOptOut
  /** A US Privacy string opts out of sale. */
  | "us_privacy_opt_out";

/** A permission is needed and there is none. */
type Absence =
  /** The country, and so the jurisdiction, is not known. */
  | "no_country"
  /** The only TC string does not count. */
  | TcfInvalidity
  /** There are signals, but none that decodes, applies here and says anything. */
  | "no_usable_signal"
  | "no_signal";

const PERMISSIONS: ReadonlySet<ConsentReason> = new Set<Permission>([
  "non_regulated",
  "tcf_purpose1",
  "gpp_not_opted_out",
  "us_privacy_not_opted_out",
]);

const REFUSALS: ReadonlySet<ConsentReason> = new Set<Refusal>([
  "tcf_no_purpose1",
  "gpc",
  "gpp_gpc",
  "gpp_sale_opt_out",
  "gpp_sharing_opt_out",
  "gpp_targeted_ads_opt_out",
  "us_privacy_opt_out",
]);

/** The decision on one request, and its reason. */
export interface Consent {
  readonly jurisdiction: Jurisdiction;
  /** The country that decided, ISO 3166-1 alpha-2, upper case; the assumed one where none is known. */
  readonly country: string | null;
  /** The second half of ISO 3166-2, upper case. */
  readonly region: string | null;
  /** What the browser said. `signals.raw` has the texts as they came. */
  readonly signals: ConsentSignals;
  /** Ask {@link allowsEcCreation} instead. */
  readonly allowed: boolean;
  readonly reason: ConsentReason;
  /** What withdraws consent, by the operator's policy. */
  readonly withdrawal: WithdrawalRule;
}

/**
 * Decides on one request. A string that does not decode counts as absent. Where two signals disagree, the refusal wins.
 *
 * @param client where the visitor is; codes in any case, the region with or without its country.
 * @param nowMs milliseconds since the epoch.
 */
export function decideConsent(
  signals: ConsentSignals,
  client: { readonly country: string | null; readonly region: string | null },
  policy: ConsentPolicy,
  nowMs: number,
): Consent {
  const country = readCountry(client.country) ?? readCountry(policy.assumeCountry);
  const region = readRegion(client.region, country);
  const jurisdiction = jurisdictionOf(country, region, policy);
  const reason = reasonFor(jurisdiction, signals, policy, nowMs);
  const { withdrawal } = policy;
  return { jurisdiction, country, region, signals, allowed: isPermission(reason), reason, withdrawal };
}

/** Whether a reason permits an Edge Cookie. */
export function isPermission(reason: ConsentReason): boolean {
  return PERMISSIONS.has(reason);
}

/** Whether an Edge Cookie may be minted, kept, shown or passed on. Nothing else decides this. */
export function allowsEcCreation(consent: Consent): boolean {
  return consent.allowed;
}

/**
 * Whether a decision that does not allow an id withdraws the visitor's id.
 *
 * An unknown jurisdiction is an outage of geography, not the visitor's choice, and must not erase an audience. A refusal counts
 * even then.
 */
export function isWithdrawal({ jurisdiction, reason, withdrawal }: Consent): boolean {
  return REFUSALS.has(reason) || (withdrawal !== "explicit" && jurisdiction !== "unknown");
}

/**
 * A visitor in the US without a known region may be in any state, so the strictest of the configured states applies. The rules of
 * all states are the same here.
 */
function jurisdictionOf(country: string | null, region: string | null, policy: ConsentPolicy): Jurisdiction {
  if (country === null) return "unknown";
  if (policy.gdprCountries.has(country)) return "gdpr";
  if (country !== "US") return "non-regulated";
  const isRegulated = region === null ? policy.usStates.size > 0 : policy.usStates.has(region);
  return isRegulated ? "us-state" : "non-regulated";
}

function reasonFor(
  jurisdiction: Jurisdiction,
  signals: ConsentSignals,
  policy: ConsentPolicy,
  nowMs: number,
): ConsentReason {
  if (signals.gpc) return "gpc";
  const gpp = signals.gpp?.facts ?? null;
  const usPrivacyOptOut = signals.usPrivacy?.facts ?? null;
  // An opt-out counts wherever the visitor is, and whether its section is in force or not.
  const optOut = gpp === null ? null : gppOptOut(gpp);
  if (optOut !== null) return optOut;
  if (usPrivacyOptOut === true) return "us_privacy_opt_out";
  if (jurisdiction === "unknown") return "no_country";
  if (jurisdiction === "non-regulated") return "non_regulated";

  const sections = signals.sections?.facts ?? null;
  const isInForce = (section: number) => sections === null || sections.has(section);
  const tcf = tcfReason(signals.tcf?.facts ?? null, gpp, isInForce, nowMs, policy.maxAgeDays);
  const reason = jurisdiction === "gdpr" ? tcf : usStateReason(gpp, usPrivacyOptOut, isInForce, tcf);
  return reason ?? (hasAnySignal(signals) ? "no_usable_signal" : "no_signal");
}

type TcfReason = "tcf_purpose1" | "tcf_no_purpose1" | TcfInvalidity;

/** The reason that the TC strings give together, the cookie's and that of the GPP section; `null`: there is none. */
function tcfReason(
  cookie: TcfFacts | null,
  gpp: GppFacts | null,
  isInForce: (section: number) => boolean,
  nowMs: number,
  maxAgeDays: number,
): TcfReason | null {
  let reason: TcfReason | null = null;
  for (const tcf of [cookie, gpp?.tcf ?? null]) {
    if (tcf === null) continue;
    const invalidity = tcfInvalidity(tcf, nowMs, maxAgeDays);
    if (invalidity !== null) reason ??= invalidity;
    else if (!tcf.purpose1) return "tcf_no_purpose1";
    else if (tcf === cookie || isInForce(TCF_EU)) reason = "tcf_purpose1";
  }
  return reason;
}

/** The rules of the states for visitors who did not opt out. */
function usStateReason(
  gpp: GppFacts | null,
  usPrivacyOptOut: boolean | null,
  isInForce: (section: number) => boolean,
  tcf: TcfReason | null,
): ConsentReason | null {
  if (tcf === "tcf_purpose1" || tcf === "tcf_no_purpose1") return tcf;
  const sections = gpp?.us ?? [];
  if (sections.some(({ optedOutOfSale, section }) => optedOutOfSale === false && isInForce(section))) {
    return "gpp_not_opted_out";
  }
  const isInGpp = gpp?.usPrivacyOptOut === false && isInForce(US_PRIVACY);
  if (usPrivacyOptOut === false || isInGpp) return "us_privacy_not_opted_out";
  return tcf;
}
