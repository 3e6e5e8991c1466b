/**
 * The IAB Europe Transparency and Consent Framework, version 2: what a TC string says about Purpose 1, its times, and
 * whether it counts now. The whole string is checked against its format, so that half a string is no consent.
 * @module
 */
import { bitLength, isBase64Url, readBits } from "./bits.ts";

/** The facts that the service needs from a TC string. */
export interface TcfFacts {
  /** Consent to Purpose 1, "store and/or access information on a device". */
  readonly purpose1: boolean;
  /** When the string was created, in milliseconds since the epoch. */
  readonly createdMs: number;
  /** When the visitor last chose, in milliseconds since the epoch. */
  readonly lastUpdatedMs: number;
  /** The string has a disclosed-vendors segment. */
  readonly disclosesVendors: boolean;
  /** The core segment, for {@link vendorPurpose1}. */
  readonly core: string;
}

/** Why a TC string that decodes counts as absent. */
export type TcfInvalidity =
  /** It is older than the operator allows. */
  | "tcf_expired"
  /** It is dated more than a day ahead of now. */
  | "tcf_future"
  /** It needs a disclosed-vendors segment (TCF 2.3) and has none. */
  | "tcf_no_disclosed_vendors";

const DAY_MS = 86_400_000;
/** Strings written from here on need the disclosed-vendors segment: TCF 2.3 binds after 28 February 2026. */
const DISCLOSED_VENDORS_FROM_MS = Date.UTC(2026, 2, 1);

// Where the core segment's fields begin, in bits.
const CREATED = 6;
const LAST_UPDATED = 42;
const CMP_ID = 78;
const PURPOSE_CONSENTS = 152;
const PUBLISHER_COUNTRY = 201;
const VENDOR_CONSENTS = 213;

/** Segment types, in the first three bits of every segment after the core. */
const VENDORS_DISCLOSED = 1;
const VENDORS_ALLOWED = 2;
const PUBLISHER_TC = 3;

/** The result of the skipping functions for a broken format; bit 0 is never the end of a field. */
const BROKEN = 0;

/**
 * Reads a TC string: the core segment, then any of the vendors-disclosed, vendors-allowed and publisher segments.
 *
 * @returns `null` if `text` is no complete TC string of version 2
 */
export function readTcf(text: string): TcfFacts | null {
  const [core, ...others] = text.split(".");
  if (!isCore(core!) || !others.every(isOther)) return null;
  return {
    purpose1: readBits(core!, PURPOSE_CONSENTS, 1) === 1,
    createdMs: readTimeMs(core!, CREATED),
    lastUpdatedMs: readTimeMs(core!, LAST_UPDATED),
    disclosesVendors: others.some((segment) => readBits(segment, 0, 3) === VENDORS_DISCLOSED),
    core: core!,
  };
}

/**
 * Whether a TC string counts at a time. It does not if it is too old, dated more than a day ahead (clocks differ, but not
 * that much), or written after 28 February 2026 without the disclosed-vendors segment. Since TCF 2.2 a platform writes the
 * same time into `Created` and `LastUpdated`; where they differ, the later one tells when the string was written.
 *
 * @param nowMs milliseconds since the epoch
 * @returns `null` if it counts
 */
export function tcfInvalidity(tcf: TcfFacts, nowMs: number, maxAgeDays: number): TcfInvalidity | null {
  const writtenMs = Math.max(tcf.createdMs, tcf.lastUpdatedMs);
  if (writtenMs > nowMs + DAY_MS) return "tcf_future";
  if (tcf.lastUpdatedMs < nowMs - maxAgeDays * DAY_MS) return "tcf_expired";
  if (writtenMs >= DISCLOSED_VENDORS_FROM_MS && !tcf.disclosesVendors) return "tcf_no_disclosed_vendors";
  return null;
}

/** Types of a publisher restriction. */
const REQUIRE_CONSENT = 1;

/** Whether a vendor may use Purpose 1, by one TC string. */
export type VendorPurpose1 =
  | "vendor_consent"
  /** The vendor section does not name the vendor. */
  | "vendor_no_consent"
  /** The publisher forbids the vendor Purpose 1, or requires a legitimate interest, which Purpose 1 does not have. */
  | "vendor_restricted";

/**
 * Whether a vendor may use Purpose 1: the vendor section must name it, and no publisher restriction may exclude it.
 * @param vendor its id in the IAB's Global Vendor List, from 1.
 */
export function vendorPurpose1({ core }: Pick<TcfFacts, "core">, vendor: number): VendorPurpose1 {
  if (!hasVendor(core, VENDOR_CONSENTS, vendor)) return "vendor_no_consent";
  let at = skipVendors(core, skipVendors(core, VENDOR_CONSENTS));
  let left = readBits(core, at, 12);
  at += 12;
  for (; left > 0; left--) {
    const purpose = readBits(core, at, 6);
    const type = readBits(core, at + 6, 2);
    if (purpose === 1 && type !== REQUIRE_CONSENT && hasInRanges(core, at + 8, vendor))
      return "vendor_restricted";
    at = skipRanges(core, at + 8);
  }
  return "vendor_consent";
}

/** Whether the set of vendors at `from` of a checked segment has a vendor. */
function hasVendor(text: string, from: number, vendor: number): boolean {
  const body = from + 16 + 1;
  if (readBits(text, from + 16, 1) === 1) return hasInRanges(text, body, vendor);
  return vendor <= readBits(text, from, 16) && readBits(text, body + vendor - 1, 1) === 1;
}

/** Whether the list of ranges at `from` of a checked segment has a vendor. */
function hasInRanges(text: string, from: number, vendor: number): boolean {
  let at = from + 12;
  for (let left = readBits(text, from, 12); left > 0; left--) {
    const isRun = readBits(text, at, 1) === 1;
    const first = readBits(text, at + 1, 16);
    const last = isRun ? readBits(text, at + 17, 16) : first;
    if (first <= vendor && vendor <= last) return true;
    at += isRun ? 33 : 17;
  }
  return false;
}

/** A time of 36 bits, in tenths of a second since the epoch. */
function readTimeMs(text: string, from: number): number {
  return (readBits(text, from, 18) * 2 ** 18 + readBits(text, from + 18, 18)) * 100;
}

function isCore(text: string): boolean {
  if (!isBase64Url(text) || bitLength(text) < VENDOR_CONSENTS) return false;
  if (readBits(text, 0, 6) !== 2) return false;
  if (readBits(text, CMP_ID, 12) < 2) return false; // 0 and 1 are not assigned
  // Two letters of six bits, counted from "A"; some platforms write lower-case ones; no code is above "z".
  for (const at of [PUBLISHER_COUNTRY, PUBLISHER_COUNTRY + 6]) if (readBits(text, at, 6) > 57) return false;
  const legitimateInterests = skipVendors(text, VENDOR_CONSENTS);
  const restrictions = legitimateInterests && skipVendors(text, legitimateInterests);
  return restrictions !== BROKEN && skipRestrictions(text, restrictions) !== BROKEN;
}

function isOther(text: string): boolean {
  if (!isBase64Url(text)) return false;
  switch (readBits(text, 0, 3)) {
    case VENDORS_DISCLOSED:
    case VENDORS_ALLOWED:
      return skipVendors(text, 3) !== BROKEN;
    case PUBLISHER_TC:
      return isPublisherTc(text);
    default:
      return false;
  }
}

/** Two fields of 24 purposes, then as many custom ones as a count says, twice. */
function isPublisherTc(text: string): boolean {
  const count = 3 + 24 + 24;
  if (bitLength(text) < count + 6) return false;
  return bitLength(text) >= count + 6 + 2 * readBits(text, count, 6);
}

/** Index of the end of the set of vendors at `from`. It is a field of bits up to the highest id, or a list of ranges. */
function skipVendors(text: string, from: number): number {
  const body = from + 16 + 1;
  if (bitLength(text) < body) return BROKEN;
  const isRanges = readBits(text, from + 16, 1) === 1;
  if (isRanges) return skipRanges(text, body);
  const end = body + readBits(text, from, 16);
  return end <= bitLength(text) ? end : BROKEN;
}

/** Index of the end of the list of ranges at `from`: a count, then for each either one id or the first and the last of a run. */
function skipRanges(text: string, from: number): number {
  const length = bitLength(text);
  let at = from + 12;
  if (length < at) return BROKEN;
  for (let left = readBits(text, from, 12); left > 0; left--) {
    if (length < at + 17) return BROKEN;
    const first = readBits(text, at, 17);
    at += 17;
    const isRun = first >= 0x10000;
    if (isRun && length < at + 16) return BROKEN;
    const id = first & 0xffff;
    if (id === 0) return BROKEN;
    if (!isRun) continue;
    if (readBits(text, at, 16) < id) return BROKEN;
    at += 16;
  }
  return at;
}

/** Index of the end of the publisher restrictions at `from`: a count, then for each a purpose, a type and a list of ranges. */
function skipRestrictions(text: string, from: number): number {
  let at = from + 12;
  if (bitLength(text) < at) return BROKEN;
  for (let left = readBits(text, from, 12); left > 0; left--) {
    if (bitLength(text) < at + 8) return BROKEN;
    const purpose = readBits(text, at, 6);
    const type = readBits(text, at + 6, 2);
    if (purpose === 0 || type > 2) return BROKEN;
    at = skipRanges(text, at + 8);
    if (at === BROKEN) return BROKEN;
  }
  return at;
}
