/**
 * Whether a partner may have a visitor's id: be asked for its own, store it, and have it in the bid stream.
 * @module
 */
import {
  allowsEcCreation,
  type Consent,
  type ConsentPolicy,
  type VendorlessRule,
} from "../request/consent.ts";
import type { EcContext } from "../request/context.ts";
import type { SignalsAt } from "../request/signals.ts";
import { tcfInvalidity, type VendorPurpose1, vendorPurpose1 } from "../request/tcf.ts";
import type { Partner } from "./partner.ts";

/** Why a partner may or may not have a visitor's id. */
export type PartnerReason =
  | VendorPurpose1
  /** Consent does not allow an id at all. */
  | "no_ec"
  | "gdpr_does_not_apply"
  /** The partner is in no Global Vendor List, and the operator's rule decides. */
  | "vendorless_allowed"
  | "vendorless_denied";

const PERMISSIONS: ReadonlySet<PartnerReason> = new Set<PartnerReason>([
  "gdpr_does_not_apply",
  "vendor_consent",
  "vendorless_allowed",
]);

/**
 * Decides on one partner. Where the GDPR applies, every TC string that counts must give the partner consent, the cookie's and that
 * of GPP; elsewhere partners have what the visitor's consent allows.
 * @param gvlId the partner's id in the IAB's Global Vendor List; `null`: it has none.
 */
export function partnerReason(
  consent: Consent,
  gvlId: number | null,
  vendorless: VendorlessRule,
  { nowMs, maxAgeDays }: SignalsAt,
): PartnerReason {
  const ofAll = reasonOfAll(consent);
  if (ofAll !== null) return ofAll;
  if (gvlId === null) return vendorless === "allow" ? "vendorless_allowed" : "vendorless_denied";
  const { tcf, gpp } = consent.signals;
  let reason: PartnerReason = "vendor_no_consent";
  for (const facts of [tcf?.facts, gpp?.facts?.tcf]) {
    if (!facts || tcfInvalidity(facts, nowMs, maxAgeDays) !== null) continue;
    reason = vendorPurpose1(facts, gvlId);
    if (reason !== "vendor_consent") return reason;
  }
  return reason;
}

/** The reason that all partners share; `null`: each partner has its own. */
function reasonOfAll(consent: Consent): PartnerReason | null {
  if (!allowsEcCreation(consent)) return "no_ec";
  return consent.jurisdiction === "gdpr" ? null : "gdpr_does_not_apply";
}

/** Whether a partner may have the id of a request's visitor. */
export type MayShare = (
  partner: Pick<Partner, "gvlId">,
  context: Pick<EcContext, "consent" | "nowMs">,
) => boolean;

/** Whether a decision permits the partner an id. */
export function permitsPartner(reason: PartnerReason): boolean {
  return PERMISSIONS.has(reason);
}

/**
 * Creates the rule.
 * @param settings whose `policy` a reload may replace.
 * @param registry knows whether any partner has an id in the Global Vendor List, for the rule's default.
 */
export function createMayShare(
  settings: { readonly policy: Pick<ConsentPolicy, "vendorless" | "maxAgeDays"> },
  registry: { hasVendors(): boolean },
): MayShare {
  return ({ gvlId }, { consent, nowMs }) => {
    // Nearly every visitor needs no more.
    const ofAll = reasonOfAll(consent);
    if (ofAll !== null) return permitsPartner(ofAll);
    const { vendorless, maxAgeDays } = settings.policy;
    const rule = vendorless ?? (registry.hasVendors() ? "deny" : "allow");
    // Records that were stored without the field have no id.
    return permitsPartner(partnerReason(consent, gvlId ?? null, rule, { nowMs, maxAgeDays }));
  };
}
