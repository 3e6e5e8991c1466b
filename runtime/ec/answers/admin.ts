/**
 * The records of the admin API: those of the graph and the registry on the wire, in snake_case and without secrets.
 * @module
 */
import type { JsonObject } from "../../lib/json.ts";
import { nearest } from "../../lib/nearest.ts";
import type { Fault } from "../../lib/schema.ts";
import type { GraphEntry } from "../graph/entry.ts";
import { type Partner, type PartnerInput, SECRET_PARTNER_FIELDS } from "../partners/partner.ts";
import type { PartnerSource } from "../partners/registry.ts";

/** Every field of a partner's record by its name on the wire. The only mapping between the two spellings. */
export const WIRE_NAMES: { readonly [Field in keyof Required<PartnerInput>]: string } = {
  id: "id",
  name: "name",
  allowedReturnDomains: "allowed_return_domains",
  apiKey: "api_key",
  apiKeyHash: "api_key_hash",
  previousApiKey: "previous_api_key",
  previousApiKeyHash: "previous_api_key_hash",
  gvlId: "gvl_id",
  bidstreamEnabled: "bidstream_enabled",
  sourceDomain: "source_domain",
  openrtbAtype: "openrtb_atype",
  syncRateLimit: "sync_rate_limit",
  batchRateLimit: "batch_rate_limit",
  pullSyncEnabled: "pull_sync_enabled",
  pullSyncUrl: "pull_sync_url",
  pullSyncAllowedDomains: "pull_sync_allowed_domains",
  pullSyncTtlSeconds: "pull_sync_ttl_seconds",
  pullSyncRateLimit: "pull_sync_rate_limit",
  pixelUrl: "pixel_url",
  pullSendIp: "pull_send_ip",
  pullToken: "pull_token",
  maxConcurrent: "max_concurrent",
  maxPerMinute: "max_per_minute",
};

const FIELDS_BY_WIRE_NAME = new Map(Object.entries(WIRE_NAMES).map(([field, name]) => [name, field]));
const FIELD_IN_TEXT = new RegExp(`\\b(?:${Object.keys(WIRE_NAMES).join("|")})\\b`, "g");

/** Fields that are accepted and never returned. */
export const SECRET_FIELDS: ReadonlySet<string> = new Set(SECRET_PARTNER_FIELDS);

/** A fault of one field, with its name on the wire. */
export interface WireFault {
  field: string;
  reason: string;
}

/** The field of a registration that keeps the replaced key valid. It is no field of the record. */
export const KEEP_KEY = "keep_api_key";

/** What a registration asks for. */
export interface WirePartner {
  /** The partner's fields by the record's names. */
  input: JsonObject;
  /** Whether the key that a new one replaces stays valid. */
  keepsKey: boolean;
  /** A fault for each unknown field. */
  faults: WireFault[];
}

/** Reads a registration from the wire. */
export function partnerFromWire({ [KEEP_KEY]: keepsKey = false, ...body }: JsonObject): WirePartner {
  const faults: WireFault[] = [];
  const input: [string, unknown][] = [];
  for (const [name, value] of Object.entries(body)) {
    const field = FIELDS_BY_WIRE_NAME.get(name);
    if (field !== undefined) input.push([field, value]);
    else faults.push({ field: name.slice(0, 80), reason: `no such field; expected ${oneOfTheFields(name)}` });
  }
  const isAlone = keepsKey !== false && body.api_key === undefined && body.api_key_hash === undefined;
  if (typeof keepsKey !== "boolean") {
    faults.push({ field: KEEP_KEY, reason: "no flag; expected true or false" });
  } else if (isAlone) {
    faults.push({ field: KEEP_KEY, reason: "no new key; expected api_key or api_key_hash beside it" });
  }
  return { input: Object.fromEntries(input), keepsKey: keepsKey === true, faults };
}

function oneOfTheFields(name: string): string {
  const names = [...FIELDS_BY_WIRE_NAME.keys(), KEEP_KEY];
  const near = nearest(name.slice(0, 80), names);
  return near === null
    ? `one of ${names.join(", ")}`
    : `one of the partner's fields; did you mean "${near}"?`;
}

/** A fault with the field's name on the wire. */
export function faultToWire({ field, found, expected }: Fault): WireFault {
  return { field: respell(field), reason: respell(`${found}; expected ${expected}`) };
}

function respell(text: string): string {
  return text.replace(FIELD_IN_TEXT, (field) => WIRE_NAMES[field as keyof typeof WIRE_NAMES]);
}

/** A partner as the admin API returns it: never its keys, their hashes or its token, only whether there is one. */
export function partnerToWire(partner: Partner, source: PartnerSource): JsonObject {
  const shown = Object.entries(WIRE_NAMES).filter(([field]) => !SECRET_FIELDS.has(field));
  return {
    ...Object.fromEntries(shown.map(([field, name]) => [name, partner[field as keyof Partner]])),
    has_api_key: partner.apiKeyHash !== null,
    has_previous_api_key: partner.previousApiKeyHash !== null,
    has_pull_token: partner.pullToken !== null,
    source,
  };
}

/** Everything that the graph holds for one id. */
export function entryToWire({ lastSeen, ...entry }: GraphEntry): JsonObject {
  return { ...entry, last_seen: lastSeen };
}
