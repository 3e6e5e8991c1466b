/**
 * The part of a visitor's consent strings that the graph keeps: enough to prove later which strings were sent.
 * @module
 */
import type { ConsentSignals } from "./signals.ts";

/**
 * SHA-256 of a consent string in UTF-8 without percent-encoding, as lower-case hex. A field is left out if there was no string,
 * or none that decodes.
 */
export interface ConsentEvidence {
  tcf?: string;
  gpp?: string;
}

/**
 * The evidence for the signals of one request. A string may have 16 KiB, and a client can send thousands of different ones. The
 * graph keeps 64 characters of each that decodes, and nothing of the others.
 * @param sha256Hex of a text in UTF-8, as lower-case hex.
 */
export function evidenceOf(
  { tcf, gpp }: ConsentSignals,
  sha256Hex: (text: string) => string,
): ConsentEvidence {
  const [tcfText, gppText] = [tcf?.text ?? null, gpp?.text ?? null];
  return {
    ...(tcfText === null ? {} : { tcf: sha256Hex(tcfText) }),
    ...(gppText === null ? {} : { gpp: sha256Hex(gppText) }),
  };
}
