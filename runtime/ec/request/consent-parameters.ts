/**
 * Consent on its way to others: the parameters of the IAB's URL specifications.
 * @module
 */
import type { Consent } from "./consent.ts";

/** The parameters, in the order in which they are sent. */
export const CONSENT_PARAMETERS = ["gdpr", "gdpr_consent", "gpp", "gpp_sid", "us_privacy"] as const;

/** What is known of a visitor's consent. An unknown parameter is left out. */
export type ConsentParameters = Partial<Record<(typeof CONSENT_PARAMETERS)[number], string>>;

/** The parameters of a decision. A text that does not decode is not passed on. */
export function consentParameters({ jurisdiction, signals }: Consent): ConsentParameters {
  const known: ConsentParameters = {};
  if (jurisdiction !== "unknown") known.gdpr = jurisdiction === "gdpr" ? "1" : "0";
  const { tcf, gpp, sections, usPrivacy } = signals;
  if (tcf?.text) known.gdpr_consent = tcf.text;
  if (gpp?.text) {
    known.gpp = gpp.text;
    const inForce = [...(sections?.facts ?? [])].filter((section) => section > 0);
    if (inForce.length > 0) known.gpp_sid = inForce.join();
  }
  if (usPrivacy?.text) known.us_privacy = usPrivacy.text;
  return known;
}
