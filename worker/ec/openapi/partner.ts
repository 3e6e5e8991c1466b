/**
 * A partner's record in the API. Types and defaults come from the record's schema; this file has the descriptions and bounds,
 * and the compiler checks that every field has an entry.
 *
 * Not `@valibot/to-json-schema`: it cannot read the schema's own checks, so it would replace only the 20 lines of `property`
 * and `typeOf` and add 3.4 KB (gzip) to each bundle for the edge.
 * @module
 */
import { KEEP_KEY, SECRET_FIELDS, WIRE_NAMES } from "../../../runtime/ec/answers/admin.ts";
import {
  type PartnerInput,
  partnerSchema,
  RESERVED_PARTNER_IDS,
} from "../../../runtime/ec/partners/partner.ts";
import type { Json } from "../../../runtime/platform.ts";
import { object, PRINTABLE } from "./schemas.ts";
import type { Schema } from "./types.ts";

type Field = keyof Required<PartnerInput>;

const perHour = { minimum: 1, maximum: 1_000_000 };
const hostNames = { maxItems: 100, uniqueItems: true };

/** The description and the bounds of each field. */
const MEANINGS: Readonly<Record<Field, Schema>> = {
  id: {
    description: "Names the partner in URLs and headers.",
    pattern: "^[a-z0-9_-]{1,32}$",
    not: { enum: [...RESERVED_PARTNER_IDS] },
  },
  name: {
    description: "A name for people. Default: the id.",
    maxLength: 100,
    pattern: `^${PRINTABLE}*${PRINTABLE.replace("[^", "[^\\s")}${PRINTABLE}*$`,
  },
  allowedReturnDomains: {
    description: "Hosts that a pixel may return to. Subdomains are not included.",
    ...hostNames,
  },
  apiKey: {
    description:
      "The key for batch sync. Only its hash is stored, and it is never returned. A new key ends the old ones at once, unless `keep_api_key` is true.",
    pattern: "^[\\x21-\\x7e]{16,4096}$",
  },
  apiKeyHash: {
    description: "SHA-256 of the API key as hex, instead of the key.",
    pattern: "^[0-9a-fA-F]{64}$",
  },
  previousApiKey: {
    description: "A second valid key, while the partner changes to `api_key`. Only its hash is stored.",
    pattern: "^[\\x21-\\x7e]{16,4096}$",
  },
  previousApiKeyHash: {
    description: "SHA-256 of the second key as hex. `null` ends the second key.",
    pattern: "^[0-9a-fA-F]{64}$",
  },
  gvlId: {
    description:
      "The partner's id in the IAB's Global Vendor List. Where the GDPR applies, the TC string must give this vendor consent.",
    minimum: 1,
    maximum: 65_535,
  },
  bidstreamEnabled: { description: "Whether pages and auctions get this partner's ids." },
  sourceDomain: { description: "The `source` of the partner's EIDs. Required for `bidstream_enabled`." },
  openrtbAtype: { description: "The `atype` of the partner's EIDs.", minimum: 1, maximum: 999_999 },
  syncRateLimit: { description: "Maximum number of pixels an hour for one EC hash.", ...perHour },
  batchRateLimit: { description: "Maximum number of batch uploads a minute.", ...perHour },
  pullSyncEnabled: { description: "Whether millrace pulls ids from the partner." },
  pullSyncUrl: {
    description:
      "The pull endpoint: https, on a host of `pull_sync_allowed_domains`, no private address. Required for `pull_sync_enabled`.",
  },
  pullSyncAllowedDomains: {
    description: "Hosts that may be pulled from. Subdomains are not included.",
    ...hostNames,
  },
  pullSyncTtlSeconds: {
    description: "Age at which an id is pulled again, in seconds.",
    minimum: 1,
    maximum: 31_536_000,
  },
  pullSyncRateLimit: { description: "Maximum number of pulls an hour for one EC hash.", ...perHour },
  pixelUrl: {
    description:
      "The pixel that `/_ts/sync-pixels` lists: https, no private address. Macros: `{gdpr}`, `{gdpr_consent}`, `{gpp}`, `{gpp_sid}`, " +
      "`{us_privacy}`, `{ec}`.",
    maxLength: 2048,
  },
  pullSendIp: { description: "Whether pulls send the visitor's address." },
  pullToken: {
    description:
      "The bearer token for the pull endpoint. It is never returned. Required for `pull_sync_enabled`.",
    pattern: "^[\\x21-\\x7e]{1,4096}$",
  },
  maxConcurrent: {
    description: "Maximum number of concurrent pulls from the partner's domain.",
    minimum: 1,
    maximum: 10_000,
  },
  maxPerMinute: {
    description: "Maximum number of pulls a minute from the partner's domain.",
    minimum: 1,
    maximum: 1_000_000,
  },
};

/** The parts of a valibot schema that have the type and the default. */
interface Shape {
  type: string;
  wrapped?: Shape;
  item?: Shape;
  default?: unknown;
}

const shapes: Readonly<Record<Field, Shape>> = partnerSchema({ allowInsecure: false }).entries;

function typeOf({ type, item }: Shape): Schema {
  if (item !== undefined) return { type, items: typeOf(item) };
  return { type: type === "number" ? "integer" : type };
}

/** @param asSent with the default, for requests; without it, for responses */
function property(field: Field, asSent: boolean): Schema {
  const shape = shapes[field];
  const bare = typeOf(shape.wrapped ?? shape);
  const type: Json = shape.type === "nullish" ? [bare.type!, "null"] : bare.type!;
  const hasDefault = asSent && shape.default !== undefined;
  return { ...bare, type, ...MEANINGS[field], ...(hasDefault ? { default: shape.default as Json } : {}) };
}

function properties(fields: readonly Field[], asSent: boolean): Record<string, Schema> {
  return Object.fromEntries(fields.map((field) => [WIRE_NAMES[field], property(field, asSent)]));
}

const FIELDS = Object.keys(WIRE_NAMES) as Field[];
const optional = FIELDS.filter((field) => shapes[field].wrapped !== undefined);

export const partnerSchemas: Readonly<Record<"PartnerInput" | "Partner", Schema>> = {
  PartnerInput: {
    ...object(
      {
        ...properties(FIELDS, true),
        [KEEP_KEY]: {
          type: "boolean",
          description:
            "Whether the key that `api_key` replaces stays valid, as the previous key, until `previous_api_key_hash` is set to null.",
          default: false,
        },
      },
      [...optional.map((field) => WIRE_NAMES[field]), KEEP_KEY],
    ),
    description: "A partner's record. Missing fields of an existing partner stay unchanged.",
  },
  Partner: {
    ...object({
      ...properties(
        FIELDS.filter((field) => !SECRET_FIELDS.has(field)),
        false,
      ),
      has_api_key: { type: "boolean" },
      has_previous_api_key: { type: "boolean" },
      has_pull_token: { type: "boolean" },
      source: {
        enum: ["configuration", "registered"],
        description: "A partner of the configuration cannot be changed by the API.",
      },
    }),
    description: "A partner's record without its secrets.",
  },
};
