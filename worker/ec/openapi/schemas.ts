/**
 * What the API's bodies are made of.
 * @module
 */
import type { BatchReason } from "../../../runtime/ec/partners/batch-sync.ts";
import { MAX_MAPPINGS } from "../../../runtime/ec/partners/batch-sync.ts";
import { UID_RULE } from "../../../runtime/ec/partners/uid.ts";
import type { Answer, Reference, Schema } from "./types.ts";

/** Points to one of `components.schemas`. */
export const schema = (name: keyof typeof schemas | "Partner" | "PartnerInput" | "Status") => ({
  $ref: `#/components/schemas/${name}`,
});

/** An object with these properties and no others, all of them required but for those in `optional`. */
export function object(properties: Record<string, Schema>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required, additionalProperties: false };
}

/** An answer of JSON. */
export function json(description: string, body: Schema, headers?: Answer["headers"]): Answer {
  return {
    description,
    ...(headers === undefined ? {} : { headers }),
    content: { "application/json": { schema: body } },
  };
}

/** A body that tells what is wrong, with one of these codes. */
export function problemOf(...codes: string[]): Schema {
  return { type: "object", ...schema("Problem"), properties: { error: { enum: codes } } };
}

/** An answer that tells what is wrong, with one of these codes. */
export function problem(description: string, codes: readonly string[], headers?: Answer["headers"]): Answer {
  return json(description, problemOf(...codes), headers);
}

/** The `security` of an operation for which no credential is needed. Left out, tools take it for forgotten. */
export const anybody: readonly [] = [];

/** One of `components.responses`. */
export const response = (name: string): Reference => ({ $ref: `#/components/responses/${name}` });

/** One of `components.headers`. */
export const header = (name: string): Reference => ({ $ref: `#/components/headers/${name}` });

/** Why a mapping was not accepted. */
export const BATCH_REASONS: Readonly<Record<BatchReason, string>> = {
  invalid_ec_id: "`ec_id` has not the form of an EC id",
  invalid_uid: `\`partner_uid\` must have ${UID_RULE}`,
  invalid_timestamp: "`timestamp` is no whole number of seconds, or over an hour ahead",
  ec_id_not_found: "nobody has this EC id, or no longer",
  consent_withdrawn: "the visitor withdrew consent; drop the EC id",
  kv_unavailable: "the store failed; send the mapping again later",
};

const seconds = (description: string): Schema => ({
  type: "integer",
  minimum: 0,
  description: `${description}, in seconds since the Unix epoch.`,
});

/**
 * Any character but a control character, for patterns. Written out: Python and other languages do not know `\\P{Cc}`, and
 * JavaScript knows it only with the flag `u`.
 */
export const PRINTABLE = "[^\\u0000-\\u001f\\u007f-\\u009f]";

const uid: Schema = {
  type: "string",
  minLength: 1,
  maxLength: 256,
  pattern: `^${PRINTABLE}+$`,
  description: `The partner's own id for the visitor: ${UID_RULE}.`,
};

const evidence = (kind: string): Schema => ({
  type: "string",
  description:
    `SHA-256 of the ${kind} string that the visitor sent, percent-encoding taken off, as lower-case hex; left out if there ` +
    "was none that decodes. In older entries the string itself.",
});

export const schemas = {
  Problem: {
    type: "object",
    description: "What is wrong. `error` is a stable code for programs, `message` a sentence for people.",
    properties: { error: { type: "string" }, message: { type: "string", minLength: 1 } },
    required: ["error", "message"],
    additionalProperties: false,
  },
  EcId: {
    type: "string",
    pattern: "^[0-9a-f]{64}\\.[0-9A-Za-z]{6}$",
    description:
      "An EC id: 64 lower-case hex digits, a dot, 6 letters or digits. Case matters. The part before the dot is " +
      "the EC hash, which visitors behind one address share.",
  },
  Uid: uid,
  Mapping: {
    type: "object",
    description:
      "One partner's id for one visitor. Fields beside these are ignored, and each mapping is judged by itself.",
    properties: {
      ec_id: { $ref: "#/components/schemas/EcId" },
      partner_uid: { $ref: "#/components/schemas/Uid" },
      timestamp: seconds("When the partner learned it; what is stored and not older stays"),
    },
    required: ["ec_id", "partner_uid", "timestamp"],
  },
  BatchAnswer: {
    ...object({
      accepted: { type: "integer", minimum: 0, maximum: MAX_MAPPINGS },
      rejected: { type: "integer", minimum: 0, maximum: MAX_MAPPINGS },
      errors: {
        type: "array",
        description: "One for each rejected mapping, by its place in the upload, ascending.",
        items: object({
          index: { type: "integer", minimum: 0, maximum: MAX_MAPPINGS - 1 },
          reason: {
            enum: Object.keys(BATCH_REASONS),
            description: Object.entries(BATCH_REASONS)
              .map(([reason, meaning]) => `\`${reason}\`: ${meaning}`)
              .join("; "),
          },
        }),
      },
    }),
  },
  Eid: {
    ...object({
      source: { type: "string", description: "The partner's `source_domain`." },
      uids: {
        type: "array",
        minItems: 1,
        items: object({ id: uid, atype: { type: "integer", minimum: 1 } }),
      },
    }),
    description: "One source's ids (OpenRTB 2.6, object EID).",
  },
  Identity: object({
    ec: { $ref: "#/components/schemas/EcId" },
    consent: { const: "ok" },
    degraded: {
      type: "boolean",
      description: "The store did not answer: partners' ids may be missing.",
    },
    uids: {
      type: "object",
      description: "Partners' own ids by partner id; only of partners that are bidstream-enabled.",
      additionalProperties: uid,
    },
    eids: { type: "array", items: { $ref: "#/components/schemas/Eid" } },
  }),
  Denied: { ...object({ consent: { const: "denied" } }), description: "Consent does not allow it." },
  InvalidPartner: {
    ...object({
      error: { const: "invalid_partner" },
      message: { type: "string", minLength: 1 },
      faults: {
        type: "array",
        minItems: 1,
        items: object({ field: { type: "string" }, reason: { type: "string", minLength: 1 } }),
      },
    }),
    description: "Everything that is wrong with a partner's record, field by field.",
  },
  GraphEntry: object({
    v: { const: 1 },
    created: seconds("When the visitor was first seen"),
    last_seen: seconds("When the visitor was last seen, to within five minutes"),
    consent: {
      ...object(
        {
          tcf: evidence("TC"),
          gpp: evidence("GPP"),
          ok: { type: "boolean", description: "False: consent was withdrawn, and this is a tombstone." },
          updated: seconds("When it was last said or withdrawn"),
        },
        ["tcf", "gpp"],
      ),
    },
    geo: object(
      {
        country: { type: ["string", "null"], pattern: "^[A-Z]{2}$" },
        region: { type: "string" },
      },
      ["region"],
    ),
    ids: {
      type: "object",
      description: "Partners' own ids by partner id.",
      additionalProperties: object(
        {
          uid,
          synced: seconds("When the partner gave it"),
          generation: {
            type: "integer",
            minimum: 1,
            description:
              "How many partners were removed from under this id before the one that gave it. What an earlier one gave is not used.",
          },
        },
        ["generation"],
      ),
    },
  }),
} satisfies Record<string, Schema>;
