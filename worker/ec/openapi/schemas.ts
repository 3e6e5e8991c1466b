/**
 * The schemas of the API's bodies.
 * @module
 */
import type { BatchReason } from "../../../runtime/ec/partners/batch-sync.ts";
import { MAX_MAPPINGS } from "../../../runtime/ec/partners/batch-sync.ts";
import { UID_RULE } from "../../../runtime/ec/partners/uid.ts";
import type { Answer, Reference, Schema } from "./types.ts";

/** A reference to one of `components.schemas`. */
export const schema = (name: keyof typeof schemas | "Partner" | "PartnerInput" | "Status" | "Past") => ({
  $ref: `#/components/schemas/${name}`,
});

/** An object with exactly these properties. All but `optional` are required. */
export function object(properties: Record<string, Schema>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required, additionalProperties: false };
}

/** A response with a JSON body. */
export function json(description: string, body: Schema, headers?: Answer["headers"]): Answer {
  return {
    description,
    ...(headers === undefined ? {} : { headers }),
    content: { "application/json": { schema: body } },
  };
}

/** The schema of an error with one of these codes. */
export function problemOf(...codes: string[]): Schema {
  return { type: "object", ...schema("Problem"), properties: { error: { enum: codes } } };
}

/** A response with an error with one of these codes. */
export function problem(description: string, codes: readonly string[], headers?: Answer["headers"]): Answer {
  return json(description, problemOf(...codes), headers);
}

/** The `security` of an operation without credentials. Tools report an operation without `security` as incomplete. */
export const anybody: readonly [] = [];

/** A reference to one of `components.responses`. */
export const response = (name: string): Reference => ({ $ref: `#/components/responses/${name}` });

/** A reference to one of `components.headers`. */
export const header = (name: string): Reference => ({ $ref: `#/components/headers/${name}` });

/** The reasons of rejected mappings. */
export const BATCH_REASONS: Readonly<Record<BatchReason, string>> = {
  invalid_ec_id: "`ec_id` is not an EC id",
  invalid_uid: `\`partner_uid\` must have ${UID_RULE}`,
  invalid_timestamp: "`timestamp` is not a whole number of seconds, or more than an hour in the future",
  ec_id_not_found: "the graph has no entry for this EC id",
  consent_withdrawn: "the visitor withdrew consent; delete the EC id",
  kv_unavailable: "the store failed; send the mapping again later",
};

const seconds = (description: string): Schema => ({
  type: "integer",
  minimum: 0,
  description: `${description}, in seconds since the Unix epoch.`,
});

/**
 * A pattern for any character but control characters. Written out, since Python and other languages do not support
 * `\\P{Cc}`, and JavaScript only with the flag `u`.
 */
export const PRINTABLE = "[^\\u0000-\\u001f\\u007f-\\u009f]";

const uid: Schema = {
  type: "string",
  minLength: 1,
  maxLength: 256,
  pattern: `^${PRINTABLE}+$`,
  // The most common of the refused texts; JSON Schema has no short rule for the others.
  not: { enum: ["0", "null", "undefined", "NaN", "None", "$UID", "{{UID}}", "[UID]"] },
  description: `The partner's own id for the visitor: ${UID_RULE}.`,
};

const evidence = (kind: string): Schema => ({
  type: "string",
  description:
    `SHA-256 of the visitor's ${kind} string without percent-encoding, as lower-case hex. Missing if there was no ` +
    "valid string. Older entries have the string itself.",
});

export const schemas = {
  Problem: {
    type: "object",
    description: "An error. `error` is a stable code for programs, `message` a sentence for people.",
    properties: { error: { type: "string" }, message: { type: "string", minLength: 1 } },
    required: ["error", "message"],
    additionalProperties: false,
  },
  EcId: {
    type: "string",
    pattern: "^[0-9a-f]{64}\\.[0-9A-Za-z]{6}$",
    description:
      "An EC id: 64 lower-case hex digits, a dot, 6 letters or digits. It is case-sensitive. The part before the dot is " +
      "the EC hash; visitors with one address share it.",
  },
  Uid: uid,
  Mapping: {
    type: "object",
    description:
      "One partner's id for one visitor. Other fields are ignored. Each mapping is validated separately.",
    properties: {
      ec_id: { $ref: "#/components/schemas/EcId" },
      partner_uid: { $ref: "#/components/schemas/Uid" },
      timestamp: seconds("When the partner learned it; a stored id that is not older is kept"),
    },
    required: ["ec_id", "partner_uid", "timestamp"],
  },
  BatchAnswer: {
    ...object({
      accepted: { type: "integer", minimum: 0, maximum: MAX_MAPPINGS },
      rejected: { type: "integer", minimum: 0, maximum: MAX_MAPPINGS },
      errors: {
        type: "array",
        description: "One error for each rejected mapping, in the order of the upload.",
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
      description: "True if the store did not answer. Partners' ids may then be missing.",
    },
    uids: {
      type: "object",
      description: "Partners' ids by partner id. Only partners with `bidstream_enabled`.",
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
    description: "The faults of a partner's record, by field.",
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
          ok: { type: "boolean", description: "False if consent was withdrawn and this is a tombstone." },
          updated: seconds("When consent was last given or withdrawn"),
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
      description: "Partners' ids by partner id.",
      additionalProperties: object(
        {
          uid,
          synced: seconds("When the partner sent it"),
          generation: {
            type: "integer",
            minimum: 1,
            description:
              "How many partners with this id were removed before. Ids of removed partners are not used.",
          },
        },
        ["generation"],
      ),
    },
  }),
} satisfies Record<string, Schema>;
