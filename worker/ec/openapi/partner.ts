/**
 * A partner's record on the wire. Types and defaults are read off the record's own schema; only what a schema cannot
 * tell stands here, and the compiler misses nothing of it.
 * @module
 */
import { SECRET_FIELDS, WIRE_NAMES } from "../../../runtime/ec/answers/admin.ts";
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

/** What each field means, and the bounds that its type has not. */
const MEANINGS: Readonly<Record<Field, Schema>> = {
  id: {
    description: "Names the partner in URLs and headers.",
    pattern: "^[a-z0-9_-]{1,32}$",
    not: { enum: [...RESERVED_PARTNER_IDS] },
  },
  name: {
    description: "For people; the id if there is none.",
    maxLength: 100,
    pattern: `^${PRINTABLE}*${PRINTABLE.replace("[^", "[^\\s")}${PRINTABLE}*$`,
  },
  allowedReturnDomains: {
    description: "Hosts that a pixel may send the browser back to; exactly these.",
    ...hostNames,
  },
  apiKey: {
    description:
      "For batch sync. Kept as its hash only, and never answered. A new one ends the old one at once.",
    pattern: "^[\\x21-\\x7e]{16,4096}$",
  },
  apiKeyHash: {
    description: "SHA-256 of the API key as hex, in its place.",
    pattern: "^[0-9a-fA-F]{64}$",
  },
  bidstreamEnabled: { description: "Whether pages and auctions get this partner's ids." },
  sourceDomain: { description: "The `source` of the partner's EIDs; needed for `bidstream_enabled`." },
  openrtbAtype: { description: "The `atype` of the partner's EIDs.", minimum: 1, maximum: 999_999 },
  syncRateLimit: { description: "Pixels an hour for one EC hash.", ...perHour },
  batchRateLimit: { description: "Batch uploads a minute.", ...perHour },
  pullSyncEnabled: { description: "Whether the partner is asked for its ids." },
  pullSyncUrl: {
    description:
      "Where it is asked: https, a host of `pull_sync_allowed_domains`, no private address. Needed for `pull_sync_enabled`.",
  },
  pullSyncAllowedDomains: { description: "Hosts that may be asked; exactly these.", ...hostNames },
  pullSyncTtlSeconds: {
    description: "How old a pulled id may get before it is pulled again.",
    minimum: 1,
    maximum: 31_536_000,
  },
  pullSyncRateLimit: { description: "Pulls an hour for one EC hash.", ...perHour },
  pullToken: {
    description: "Sent to the partner as a bearer token; never answered. Needed for `pull_sync_enabled`.",
    pattern: "^[\\x21-\\x7e]{1,4096}$",
  },
  maxConcurrent: { description: "Pulls in flight to the partner's domain.", minimum: 1, maximum: 10_000 },
  maxPerMinute: { description: "Pulls a minute to the partner's domain.", minimum: 1, maximum: 1_000_000 },
};

/** As much of a valibot schema as tells a type and a default. */
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

/** @param asSent with its default, as a person writes it; else as the service answers it */
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
      properties(FIELDS, true),
      optional.map((field) => WIRE_NAMES[field]),
    ),
    description: "A partner's record. Of one that exists, fields that are left out stay as they are.",
  },
  Partner: {
    ...object({
      ...properties(
        FIELDS.filter((field) => !SECRET_FIELDS.has(field)),
        false,
      ),
      has_api_key: { type: "boolean" },
      has_pull_token: { type: "boolean" },
      source: {
        enum: ["configuration", "registered"],
        description: "A partner of the configuration is changed there, not by the API.",
      },
    }),
    description: "A partner's record without its secrets.",
  },
};
