/**
 * What the library of the IAB reads in GPP strings.
 * @module
 */
import { GppModel } from "@iabgpp/cmpapi";
import { toBits } from "../support/bit-strings.ts";
import { US_SECTIONS } from "../support/consent-strings.ts";

export const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
export const SECTIONS = new Map<string, number>([
  ["tcfeuv2", 2],
  ["uspv1", 6],
  ...US_SECTIONS.map((name, index) => [name, index + 7] as const),
]);

export type Fields = Record<string, unknown>;

/** A section of a string, and what the library reads in it; `null` if the library throws. */
export interface LibrarySection {
  text: string;
  fields: Fields | null;
}

/** What the library of the IAB reads; `null` if it throws before the first section. */
export function libraryGpp(text: string): Map<string, LibrarySection> | null {
  if (text === "") return null; // it takes this for a request to make a string
  const model = new GppModel(text);
  const sections = new Map<string, LibrarySection>();
  for (const name of SECTIONS.keys()) {
    let sectionText: string;
    try {
      if (!model.hasSection(name)) continue;
      sectionText = model.encodeSection(name) as string;
    } catch {
      return null;
    }
    try {
      sections.set(name, { text: sectionText, fields: model.getSection(name) as Fields });
    } catch {
      sections.set(name, { text: sectionText, fields: null });
    }
  }
  return sections;
}

/**
 * The section numbers of a header, or their number if they are too many to list (the library lists them nevertheless, for minutes).
 * Empty if the list does not end.
 */
export function listIds(header: string): number[] | number {
  const bits = /^DB[\w-]+$/.test(header) ? toBits(header) : "";
  let at = 24;
  const number = () => {
    const end = bits.indexOf("11", at);
    if (end === -1) return Number.NaN;
    let [value, weight, next] = [0, 1, 2];
    for (const bit of bits.slice(at, end + 1)) {
      if (bit === "1") value += weight;
      [weight, next] = [next, weight + next];
    }
    at = end + 2;
    return value;
  };
  const ids: number[] = [];
  let id = 0;
  for (let left = Number.parseInt(bits.slice(12, 24), 2); left > 0; left--) {
    const isRun = bits[at++] === "1";
    const step = number();
    const run = isRun ? number() : 0;
    if (Number.isNaN(step + run)) return [];
    if (run > 5000) return run;
    id += step;
    ids.push(id);
    for (let i = 0; i < run; i++) ids.push(++id);
  }
  return ids;
}
