/**
 * The IAB's US Privacy string ("CCPA string"), version 1: four characters for the version, whether notice was given,
 * whether the visitor opted out of sale, and whether the LSPA covers the transaction.
 * @module
 */

const US_PRIVACY = /^1[yn-]([yn-])[yn-]$/i;

/**
 * Reads a US Privacy string.
 *
 * @returns whether the visitor opted out of sale (`-`, not applicable, is no opt-out); `null` if `text` is no such string
 */
export function readUsPrivacy(text: string): boolean | null {
  const match = US_PRIVACY.exec(text);
  return match === null ? null : match[1]!.toUpperCase() === "Y";
}
