/**
 * The parts of an answer's JSON and header fields that are the same for every visitor, written once for each partner.
 * @module
 */
import type { Partner } from "../partners/partner.ts";

/** The texts of one partner. */
export interface PartnerTexts {
  /** Name of the header field with the partner's id of the visitor. */
  readonly field: string;
  /** The partner's id and a colon: a name in a JSON object. */
  readonly name: string;
  /** What is before and behind the visitor's id in the JSON of an `Eid` with one id. */
  readonly eidStart: string;
  readonly eidEnd: string;
}

/** By the partner as the registry has it, which a change replaces. */
const known = new WeakMap<Partner, PartnerTexts>();

/** The texts of a partner. */
export function textsOf(partner: Partner): PartnerTexts {
  let texts = known.get(partner);
  if (texts === undefined) {
    texts = {
      field: `x-ts-${partner.id}`,
      name: `${JSON.stringify(partner.id)}:`,
      eidStart: `{"source":${JSON.stringify(partner.sourceDomain)},"uids":[{"id":`,
      eidEnd: `,"atype":${JSON.stringify(partner.openrtbAtype)}}]}`,
    };
    known.set(partner, texts);
  }
  return texts;
}

/** Visible ASCII that JSON writes as it is. */
const PLAIN = /^[\x21\x23-\x5b\x5d-\x7e]*$/;

/** The JSON of a text. Nearly every partner's id is plain. */
export function jsonOf(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}
