/**
 * Consent strings of a consent management platform, made by the IAB's libraries.
 * @module
 */
import { GppModel } from "@iabgpp/cmpapi";
import {
  GVL,
  PurposeRestriction,
  RestrictionType,
  TCModel,
  TCString,
  type VendorList,
} from "@iabtechlabtcf/core";

/** Vendors 1 to 1500, each with consent and legitimate-interest purposes, so that the encoder keeps all choices. */
function vendorList(): VendorList {
  const vendors: Record<number, object> = {};
  for (let id = 1; id <= 1500; id++) {
    vendors[id] = {
      id,
      name: `Vendor ${id}`,
      purposes: [1, 3],
      legIntPurposes: [2, 7],
      flexiblePurposes: [2, 3],
      specialPurposes: [],
      features: [],
      specialFeatures: [],
    };
  }
  const named = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [index + 1, { id: index + 1, name: "" }]));
  return {
    gvlSpecificationVersion: 3,
    vendorListVersion: 100,
    tcfPolicyVersion: 5,
    lastUpdated: "2025-01-01T00:00:00Z",
    purposes: named(11),
    specialPurposes: named(3),
    features: named(3),
    specialFeatures: named(2),
    stacks: {},
    dataCategories: {},
    vendors,
  } as unknown as VendorList;
}

let gvl: GVL | undefined;

/** A TCF v2 model, for fields that {@link tcfString} does not have. */
export function tcfModel(): TCModel {
  gvl ??= new GVL(vendorList());
  const model = new TCModel(gvl);
  model.cmpId = 31;
  model.cmpVersion = 1;
  return model;
}

/** The content of a TCF string. */
export interface TcfChoice {
  /** Purposes with consent, 1 to 11. Default: Purpose 1 only. */
  purposes?: number[];
  /** Time of the choice, in milliseconds since the epoch. Default: now. */
  lastUpdatedMs?: number;
  /** Time of creation. Default: that of the choice. In GPP sections the library has only one time. */
  createdMs?: number;
  /** Whether it has a disclosed-vendors segment. Default: true. */
  disclosesVendors?: boolean;
  /** Vendors with consent, 1 to 1500. Default: 2, 5 and 755. */
  vendors?: number[];
  /** Vendors that the publisher does not allow Purpose 1. Default: none. Not in GPP sections. */
  restricted?: number[];
}

/** A TC string without its disclosed-vendors segment: segments begin with their type in three bits. */
const withoutDisclosedVendors = (text: string) =>
  text
    .split(".")
    .filter((segment) => !/^[I-P]/.test(segment))
    .join(".");

/**
 * The value of an `euconsent-v2` cookie.
 *
 * @example
 * tcfString({ purposes: [1, 2, 3], lastUpdatedMs: Date.UTC(2026, 0, 1) });
 */
export function tcfString({
  purposes = [1],
  lastUpdatedMs = Date.now(),
  createdMs = lastUpdatedMs,
  disclosesVendors = true,
  vendors = [2, 5, 755],
  restricted = [],
}: TcfChoice = {}): string {
  const model = tcfModel();
  model.purposeConsents.set(purposes);
  model.vendorConsents.set(vendors);
  for (const vendor of restricted) {
    model.publisherRestrictions.add(vendor, new PurposeRestriction(1, RestrictionType.NOT_ALLOWED));
  }
  model.created = new Date(createdMs);
  model.lastUpdated = new Date(lastUpdatedMs);
  const text = TCString.encode(model);
  return disclosesVendors ? text : withoutDisclosedVendors(text);
}

/** The GPP sections of the United States, by the library's names. */
export const US_SECTIONS = [
  ...["usnat", "usca", "usva", "usco", "usut", "usct", "usfl", "usmt", "usor", "ustx", "usde"],
  ...["usia", "usne", "usnh", "usnj", "ustn", "usmn", "usmd", "usin", "usky", "usri"],
] as const;

/** The content of a GPP string; it has only the named sections. */
export interface GppChoice {
  tcf?: Omit<TcfChoice, "createdMs" | "restricted">;
  /** Four characters, such as `1YNN`. */
  usPrivacy?: string;
  /** By section name: 0 not applicable, 1 opted out, 2 did not opt out. */
  saleOptOut?: Record<string, 0 | 1 | 2>;
  /** The same for sharing, in sections that are named under `saleOptOut` too. */
  sharingOptOut?: Record<string, 0 | 1 | 2>;
  /** The same for targeted advertising. */
  targetedAdsOptOut?: Record<string, 0 | 1 | 2>;
  /** The value of the GPC subsection in each section that can have one. Default: no subsection. */
  gpc?: boolean;
}

/**
 * The value of a `__gpp` cookie.
 *
 * @example
 * gppString({ saleOptOut: { usnat: 2, usca: 1 } });
 */
export function gppString({
  tcf,
  usPrivacy,
  saleOptOut = {},
  sharingOptOut = {},
  targetedAdsOptOut = {},
  gpc,
}: GppChoice): string {
  const model = new GppModel();
  if (tcf !== undefined) {
    const purposes = tcf.purposes ?? [1];
    const granted = Array.from({ length: 24 }, (_, index) => purposes.includes(index + 1));
    model.setFieldValue("tcfeuv2", "CmpId", 31);
    model.setFieldValue("tcfeuv2", "PurposeConsents", granted);
    if (tcf.vendors !== undefined) model.setFieldValue("tcfeuv2", "VendorConsents", tcf.vendors);
    // Last, because the library sets today's date on each change.
    model.setFieldValue("tcfeuv2", "LastUpdated", new Date(tcf.lastUpdatedMs ?? Date.now()));
  }
  if (usPrivacy !== undefined) {
    model.setFieldValue("uspv1", "Version", Number(usPrivacy[0]));
    model.setFieldValue("uspv1", "Notice", usPrivacy[1]);
    model.setFieldValue("uspv1", "OptOutSale", usPrivacy[2]);
    model.setFieldValue("uspv1", "LspaCovered", usPrivacy[3]);
  }
  for (const [section, value] of Object.entries(saleOptOut)) {
    model.setFieldValue(section, "SaleOptOut", value);
    const sharing = sharingOptOut[section];
    if (sharing !== undefined) model.setFieldValue(section, "SharingOptOut", sharing);
    const targetedAds = targetedAdsOptOut[section];
    if (targetedAds !== undefined) model.setFieldValue(section, "TargetedAdvertisingOptOut", targetedAds);
    if (!model.hasField(section, "Gpc")) continue;
    model.setFieldValue(section, "GpcSegmentIncluded", gpc !== undefined);
    if (gpc !== undefined) model.setFieldValue(section, "Gpc", gpc);
  }
  const text = model.encode();
  if (tcf?.disclosesVendors !== false) return text;
  // The European section is the first.
  const [header, european, ...others] = text.split("~");
  return [header, withoutDisclosedVendors(european!), ...others].join("~");
}
