import type { Redaction } from "../observe/redaction.ts";
import { SECRET_PARTNER_FIELDS } from "./partners/partner.ts";

/** Whole EC ids and 64-digit hashes are cut to their first 8 characters; secrets are not logged at all. */
export const EC_REDACTION: Redaction = {
  fields: ["passphrases", ...SECRET_PARTNER_FIELDS],
  patterns: [
    {
      pattern: /([0-9a-fA-F]{8})[0-9a-fA-F]{56}(?:\.[0-9A-Za-z]{6})?(?![0-9A-Za-z])/g,
      replacement: "$1…",
    },
  ],
};
