/**
 * The IAB Global Privacy Platform, version 1: what a GPP string's sections say about Purpose 1, and about the sale and
 * sharing of personal data and its use for targeted advertising. A section that does not decode counts as absent, and so does one of a kind or version unknown here.
 * @module
 */
import { bitLength, isBase64Url, readBits } from "./bits.ts";
import { readTcf, type TcfFacts } from "./tcf.ts";
import { readUsPrivacy } from "./us-privacy.ts";

/** The section of the European TCF. */
export const TCF_EU = 2;
/** The section that holds a US Privacy string. */
export const US_PRIVACY = 6;
const US_NATIONAL = 7;

/** One of the sections for the United States. */
export interface UsFacts {
  readonly section: number;
  /** `null`: sale is not applicable. */
  readonly optedOutOfSale: boolean | null;
  /** `null`: sharing is not applicable, or the section has no such field. */
  readonly optedOutOfSharing: boolean | null;
  /** `null`: targeted advertising is not applicable, or the section has no such field. */
  readonly optedOutOfTargetedAds: boolean | null;
  /** Its subsection records that the browser sent Global Privacy Control. */
  readonly gpc: boolean;
}

/** The facts that the service needs from a GPP string. */
export interface GppFacts {
  readonly tcf: TcfFacts | null;
  /** As {@link readUsPrivacy} returns it. */
  readonly usPrivacyOptOut: boolean | null;
  readonly us: readonly UsFacts[];
}

/** A section's layout in bits; every core begins with a version of six. */
interface UsLayout {
  /** Where SaleOptOut begins, two bits: 0 not applicable, 1 opted out, 2 did not opt out. */
  saleOptOut: number;
  /** SaleOptOut and the fields that follow it, each of the same form. */
  optOuts: readonly OptOut[];
  core: number;
  /** The subsection that may follow the core: its kind, which is its length. */
  subsection: typeof NONE | typeof GPC | typeof SENSITIVE;
}

const NONE = 0;
/** Global Privacy Control: a type of two bits, 1, then the bit itself. */
const GPC = 3;
/** Consents to sensitive data. */
const SENSITIVE = 16;

type OptOut = "sale" | "sharing" | "targetedAds";
/** The fields of most states' sections. California's has sharing in place of targeted advertising. */
const STATE: readonly OptOut[] = ["sale", "targetedAds"];

function layout(
  saleOptOut: number,
  core: number,
  subsection: UsLayout["subsection"],
  optOuts: readonly OptOut[] = STATE,
): UsLayout {
  return { saleOptOut, optOuts, core, subsection };
}

const US_LAYOUTS: ReadonlyMap<number, UsLayout> = new Map([
  // Version 2 has ten more bits at the end.
  [US_NATIONAL, layout(18, 60, GPC, ["sale", "sharing", "targetedAds"])],
  [8, layout(12, 46, GPC, ["sale", "sharing"])], // California
  [9, layout(12, 40, NONE)], // Virginia
  [10, layout(12, 38, GPC)], // Colorado
  [11, layout(14, 42, NONE)], // Utah
  [12, layout(12, 44, GPC)], // Connecticut
  [13, layout(12, 46, NONE)], // Florida
  [14, layout(12, 46, GPC)], // Montana
  [15, layout(12, 52, GPC)], // Oregon
  [16, layout(12, 42, GPC)], // Texas
  [17, layout(12, 52, GPC)], // Delaware
  [18, layout(14, 42, GPC)], // Iowa
  [19, layout(12, 42, GPC)], // Nebraska
  [20, layout(12, 46, GPC)], // New Hampshire
  [21, layout(12, 54, GPC)], // New Jersey
  [22, layout(12, 42, GPC)], // Tennessee
  [23, layout(12, 42, GPC)], // Minnesota
  [24, layout(16, 22, GPC)], // Maryland
  [25, layout(16, 24, SENSITIVE)], // Indiana
  [26, layout(16, 24, SENSITIVE)], // Kentucky
  [27, layout(16, 24, SENSITIVE)], // Rhode Island
]);

/** The header's type and version. */
const HEADER = (3 << 6) | 1;
/** Maximum length of a Fibonacci code, in bits: no section has a number of millions. */
const MAX_CODE_BITS = 32;

/**
 * Reads a GPP string: a header that lists the sections, then the sections, with `~` between them. A TC string alone counts as the
 * one section that it would be.
 *
 * @returns `null` if `text` is no GPP string of version 1
 */
export function readGpp(text: string): GppFacts | null {
  if (text.startsWith("C")) {
    const tcf = readTcf(text);
    return tcf && { tcf, usPrivacyOptOut: null, us: [] };
  }
  const [header, ...sections] = text.split("~");
  const ids = readSectionIds(header!, sections.length);
  if (ids === null || sections.some((section) => section.trim() === "")) return null;

  let tcf: TcfFacts | null = null;
  let usPrivacyOptOut: boolean | null = null;
  const us: UsFacts[] = [];
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    const section = sections[i]!;
    if (id === TCF_EU) tcf = readTcf(section);
    else if (id === US_PRIVACY) usPrivacyOptOut = readUsPrivacy(section);
    else {
      const facts = readUsSection(id, section);
      if (facts !== null) us.push(facts);
    }
  }
  return { tcf, usPrivacyOptOut, us };
}

/** An opt-out in a GPP string. */
export type GppOptOut = "gpp_sale_opt_out" | "gpp_sharing_opt_out" | "gpp_targeted_ads_opt_out" | "gpp_gpc";

/** The opt-out in a GPP string, in force or not; `null`: there is none. A refusal of TCF Purpose 1 is no opt-out. */
export function gppOptOut({ usPrivacyOptOut, us }: GppFacts): GppOptOut | null {
  if (usPrivacyOptOut === true || us.some((section) => section.optedOutOfSale)) return "gpp_sale_opt_out";
  if (us.some((section) => section.optedOutOfSharing)) return "gpp_sharing_opt_out";
  if (us.some((section) => section.optedOutOfTargetedAds)) return "gpp_targeted_ads_opt_out";
  return us.some((section) => section.gpc) ? "gpp_gpc" : null;
}

/**
 * Reads which sections apply to this visit, from a `__gpp_sid` cookie: numbers with commas or underscores between
 * them; -1 and 0 say that none does, or none yet.
 *
 * @returns `null` if `text` is no such list
 */
export function readSectionsInForce(text: string): ReadonlySet<number> | null {
  const items = text.split(/[,_]/).map((item) => item.trim());
  return items.every((item) => /^(?:-1|\d{1,5})$/.test(item)) ? new Set(items.map(Number)) : null;
}

function readUsSection(section: number, text: string): UsFacts | null {
  const form = US_LAYOUTS.get(section);
  if (form === undefined) return null;
  const [core, subsection] = text.split(".") as [string, string?];
  if (!isBase64Url(core) || bitLength(core) < form.core) return null;
  const version = readBits(core, 0, 6);
  if (version !== 1 && !(version === 2 && section === US_NATIONAL)) return null;
  const said: Record<OptOut, boolean | null> = { sale: null, sharing: null, targetedAds: null };
  let isBroken = false;
  for (let i = 0; i < form.optOuts.length; i++) {
    const value = readBits(core, form.saleOptOut + 2 * i, 2);
    isBroken ||= value === 3;
    said[form.optOuts[i]!] = value === 1 ? true : value === 2 ? false : null;
  }
  // A field without meaning invalidates the section's permission, but not an opt-out in another field.
  if (isBroken && !Object.values(said).includes(true)) return null;
  const facts = {
    section,
    optedOutOfSale: said.sale,
    optedOutOfSharing: said.sharing,
    optedOutOfTargetedAds: said.targetedAds,
  };

  if (subsection === undefined || form.subsection === NONE) return { ...facts, gpc: false };
  if (!isBase64Url(subsection) || bitLength(subsection) < form.subsection) return null;
  return { ...facts, gpc: form.subsection === GPC && readBits(subsection, 0, 3) === 0b011 };
}

/**
 * The section numbers in a header: a count of entries, each one number or the ends of a run, every number written as
 * its distance from the one before, in Fibonacci coding.
 *
 * @param expected how many sections follow; a header that lists more or fewer is broken
 */
function readSectionIds(header: string, expected: number): number[] | null {
  if (!isBase64Url(header) || bitLength(header) < 24 || readBits(header, 0, 12) !== HEADER) return null;
  const ids: number[] = [];
  const cursor = { at: 24 };
  let id = 0;
  for (let left = readBits(header, 12, 12); left > 0; left--) {
    if (cursor.at >= bitLength(header)) return null;
    const isRun = readBits(header, cursor.at++, 1) === 1;
    const step = readFibonacci(header, cursor);
    const run = isRun ? readFibonacci(header, cursor) : 0;
    if (step === null || run === null || ids.length + 1 + run > expected) return null;
    id += step;
    for (const last = id + run; id < last; id++) ids.push(id);
    ids.push(id);
  }
  return ids.length === expected ? ids : null;
}

/**
 * Reads the Fibonacci-coded number at the cursor and moves the cursor past it: bit n adds the nth of 1, 2, 3, 5, 8, ..., and two
 * ones in a row end the number.
 *
 * @returns `null` if it does not end
 */
function readFibonacci(text: string, cursor: { at: number }): number | null {
  const stop = Math.min(bitLength(text), cursor.at + MAX_CODE_BITS);
  let value = 0;
  let weight = 1;
  let nextWeight = 2;
  let before = 0;
  while (cursor.at < stop) {
    const bit = readBits(text, cursor.at++, 1);
    if (bit === 1 && before === 1) return value;
    if (bit === 1) value += weight;
    [weight, nextWeight] = [nextWeight, weight + nextWeight];
    before = bit;
  }
  return null;
}
