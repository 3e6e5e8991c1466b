/**
 * What the graph keeps of the consent strings that a visitor sent: enough to prove later which ones they were, and no more.
 * @module
 */
import { readGpp } from "./gpp.ts";
import { type ConsentSignals, readSignal } from "./signals.ts";
import { readTcf } from "./tcf.ts";

/**
 * SHA-256 of a consent string in UTF-8, percent-encoding taken off, as lower-case hex. A field is left out where there was
 * no such string, or none that decodes.
 */
export interface ConsentEvidence {
  tcf?: string;
  gpp?: string;
}

/**
 * The evidence for the signals of one request. A string may have 16 KiB, and anybody can send others by the thousand; what
 * is kept of each that decodes has 64 characters, and of one that does not, none.
 * @param sha256Hex of a text in UTF-8, as lower-case hex
 */
export function evidenceOf(signals: ConsentSignals, sha256Hex: (text: string) => string): ConsentEvidence {
  const tcf = readSignal(signals.tcf, (text) => (readTcf(text) === null ? null : sha256Hex(text)));
  const gpp = readSignal(signals.gpp, (text) => (readGpp(text) === null ? null : sha256Hex(text)));
  return { ...(tcf === null ? {} : { tcf }), ...(gpp === null ? {} : { gpp }) };
}
