/**
 * A decision on consent, step by step, in the words of the code that decides.
 * @module
 */
import { partnerReason, permitsPartner } from "../../../runtime/ec/partners/partner-consent.ts";
import {
  allowsEcCreation,
  type ConsentPolicy,
  decideConsent,
  isWithdrawal,
} from "../../../runtime/ec/request/consent.ts";
import { gppOptOut } from "../../../runtime/ec/request/gpp.ts";
import { consentSignals, type RawSignals, type Signal } from "../../../runtime/ec/request/signals.ts";
import { type TcfFacts, tcfInvalidity } from "../../../runtime/ec/request/tcf.ts";

/** What is known of a visitor. */
export interface ConsentCase {
  readonly country: string | null;
  readonly region: string | null;
  readonly signals: RawSignals;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** A partner to decide on. */
export interface NamedPartner {
  readonly name: string;
  readonly gvlId: number | null;
}

/** One step: what is looked at, and what it means. */
export type Step = readonly [what: string, meaning: string];

/** The steps of one decision, in the order in which they count: the first refusal decides. */
export function explainConsent(
  given: ConsentCase,
  policy: ConsentPolicy,
  partners: readonly NamedPartner[],
): Step[] {
  const signals = consentSignals(given.signals);
  const consent = decideConsent(signals, given, policy, given.nowMs);
  const { jurisdiction, country, region } = consent;
  const at = { nowMs: given.nowMs, maxAgeDays: policy.maxAgeDays };
  const place = `${country ?? "no country"}${region === null ? "" : `-${region}`}`;
  const rule = policy.vendorless ?? (partners.some(({ gvlId }) => gvlId !== null) ? "deny" : "allow");
  return [
    ["place", `${place}: jurisdiction ${jurisdiction}`],
    ["Sec-GPC", signals.gpc ? "on: an opt-out everywhere" : "off"],
    ["__gpp", readable(signals.gpp, (facts) => `opt-out: ${gppOptOut(facts) ?? "none"}`)],
    ["us_privacy", readable(signals.usPrivacy, (optedOut) => `opt-out of sale: ${optedOut ? "yes" : "no"}`)],
    ["__gpp_sid", readable(signals.sections, (sections) => `in force: ${[...sections].join(", ")}`)],
    ["euconsent-v2", readable(signals.tcf, (facts) => tcfMeaning(facts, at))],
    ["TCF in __gpp", readable(signals.gpp, ({ tcf }) => (tcf === null ? "absent" : tcfMeaning(tcf, at)))],
    ["decision", `${allowsEcCreation(consent) ? "an id is allowed" : "no id"}: ${consent.reason}`],
    [
      "an id that exists",
      allowsEcCreation(consent)
        ? "stays"
        : isWithdrawal(consent)
          ? "is withdrawn"
          : "stays, and is not shown",
    ],
    ...partners.map(({ name, gvlId }): Step => {
      const reason = partnerReason(consent, gvlId, rule, at);
      return [
        `partner ${name}`,
        `${permitsPartner(reason) ? "gets the id" : "does not get the id"}: ${reason}`,
      ];
    }),
  ];
}

function readable<Facts>(signal: Signal<Facts> | null, meaning: (facts: Facts) => string): string {
  if (signal === null) return "absent";
  return signal.facts === null ? "does not decode, and counts as absent" : meaning(signal.facts);
}

function tcfMeaning(facts: TcfFacts, { nowMs, maxAgeDays }: { nowMs: number; maxAgeDays: number }): string {
  const invalidity = tcfInvalidity(facts, nowMs, maxAgeDays);
  const date = new Date(facts.lastUpdatedMs).toISOString().slice(0, 10);
  const disclosed = facts.disclosesVendors ? "with" : "without";
  const verdict = invalidity === null ? "counts" : `counts as absent: ${invalidity}`;
  return `of ${date}, Purpose 1: ${facts.purpose1 ? "yes" : "no"}, ${disclosed} disclosed vendors; ${verdict}`;
}
