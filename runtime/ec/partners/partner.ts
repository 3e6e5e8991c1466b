/**
 * A partner's record: its fields, their defaults and their rules. Configuration files and the admin API share it; the admin API spells
 * the fields in snake_case.
 * @module
 */
import * as v from "valibot";
import { isInternalHost, isLoopbackHost } from "../../lib/addresses.ts";
import {
  type Fault,
  faultsOf,
  fields,
  flag,
  hostName,
  listOf,
  parseUrl,
  secret,
  secretFieldsOf,
  secretHash,
  text,
  whole,
} from "../../lib/schema.ts";
import { pixelUrlFault } from "./pixel-url.ts";

/** Ids that would collide with one of the service's own headers, or with its route to register partners. */
export const RESERVED_PARTNER_IDS: readonly string[] = [
  "ec",
  "eids",
  "ec-consent",
  "eids-truncated",
  "ts",
  "version",
  "env",
  "register",
];

const PARTNER_ID = /^[a-z0-9_-]{1,32}$/;
/** A header's value: visible ASCII. */
const TOKEN = /^[\x21-\x7e]{1,4096}$/;
const MAX_DOMAINS = 100;

/** Whether a text has the form of a partner's id; it may be a reserved one. */
export function isPartnerId(text: string): boolean {
  return PARTNER_ID.test(text);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: it refuses control characters.
const NAME = /^[^\u0000-\u001f\u007f-\u009f]{1,100}$/u;

/** What the operator allows partners. */
export interface PartnerRules {
  /** `edgeCookie.allowInsecurePartners`: pull URLs may be plain http and lead to this machine. */
  allowInsecure: boolean;
}

/** The schema of a record as a person writes it. */
export function partnerSchema({ allowInsecure }: PartnerRules) {
  const id = `an id matching ${PARTNER_ID.source}, and none of ${RESERVED_PARTNER_IDS.join(", ")}`;
  const domains = () =>
    v.optional(
      v.pipe(listOf(hostName(), "host names"), v.maxLength(MAX_DOMAINS, `at most ${MAX_DOMAINS} host names`)),
      [],
    );
  const apiKey = "a key of 16 to 4096 visible ASCII characters (`millrace keys` makes one)";
  const pullToken = "a token of visible ASCII characters, without which pullSyncEnabled must be false";
  const sourceDomain = "a host name, without which bidstreamEnabled must be false";

  const record = fields({
    id: text(id, (value) => PARTNER_ID.test(value) && !RESERVED_PARTNER_IDS.includes(value)),
    name: v.optional(text("a name of 1 to 100 printable characters", isName)),
    allowedReturnDomains: domains(),
    apiKey: v.optional(secret(text(apiKey, (value) => TOKEN.test(value) && value.length >= 16))),
    apiKeyHash: v.nullish(secretHash(), null),
    previousApiKey: v.optional(secret(text(apiKey, (value) => TOKEN.test(value) && value.length >= 16))),
    previousApiKeyHash: v.nullish(secretHash(), null),
    gvlId: v.nullish(whole(1, 65_535), null),
    bidstreamEnabled: v.optional(flag(), false),
    sourceDomain: v.nullish(hostName(), null),
    openrtbAtype: v.optional(whole(1, 999_999), 3),
    syncRateLimit: v.optional(whole(1, 1_000_000, "a whole number an hour"), 100),
    batchRateLimit: v.optional(whole(1, 1_000_000, "a whole number a minute"), 60),
    pullSyncEnabled: v.optional(flag(), false),
    pullSyncUrl: v.nullish(v.string("a URL"), null),
    pullSyncAllowedDomains: domains(),
    pullSyncTtlSeconds: v.optional(whole(1, 31_536_000, "a whole number of seconds"), 86_400),
    pullSyncRateLimit: v.optional(whole(1, 1_000_000, "a whole number an hour"), 10),
    pixelUrl: v.nullish(v.string("a URL"), null),
    pullSendIp: v.optional(flag(), true),
    pullToken: v.nullish(secret(text(pullToken, (value) => TOKEN.test(value))), null),
    maxConcurrent: v.optional(whole(1, 10_000), 20),
    maxPerMinute: v.optional(whole(1, 1_000_000), 1200),
  });

  return v.pipe(
    record,
    v.forward(
      v.partialCheck(
        [["apiKey"], ["apiKeyHash"]],
        ({ apiKey, apiKeyHash }) => apiKey === undefined || apiKeyHash === null,
        "no hash beside apiKey: give one of the two",
      ),
      ["apiKeyHash"],
    ),
    v.forward(
      v.partialCheck(
        [["previousApiKey"], ["previousApiKeyHash"]],
        ({ previousApiKey, previousApiKeyHash }) =>
          previousApiKey === undefined || previousApiKeyHash === null,
        "no hash beside previousApiKey: give one of the two",
      ),
      ["previousApiKeyHash"],
    ),
    v.forward(
      v.partialCheck(
        [["apiKey"], ["apiKeyHash"], ["previousApiKey"], ["previousApiKeyHash"]],
        (keys) =>
          keys.apiKey !== undefined ||
          keys.apiKeyHash !== null ||
          (keys.previousApiKey === undefined && keys.previousApiKeyHash === null),
        "a current key, because there is a previous one",
      ),
      ["apiKey"],
    ),
    v.forward(
      v.partialCheck(
        [["pullSyncEnabled"], ["pullSyncUrl"]],
        ({ pullSyncEnabled, pullSyncUrl }) => !pullSyncEnabled || pullSyncUrl !== null,
        "a URL, because pullSyncEnabled is true",
      ),
      ["pullSyncUrl"],
    ),
    v.forward(
      v.partialCheck(
        [["pullSyncEnabled"], ["pullToken"]],
        ({ pullSyncEnabled, pullToken }) => !pullSyncEnabled || pullToken !== null,
        pullToken,
      ),
      ["pullToken"],
    ),
    v.forward(
      v.partialCheck(
        [["pullSyncUrl"], ["pullSyncAllowedDomains"]],
        ({ pullSyncUrl, pullSyncAllowedDomains }) =>
          pullSyncUrl === null || pullUrlFault(pullSyncUrl, pullSyncAllowedDomains, allowInsecure) === null,
        ({ input: { pullSyncUrl, pullSyncAllowedDomains } }) =>
          pullUrlFault(String(pullSyncUrl), pullSyncAllowedDomains, allowInsecure) ?? "a URL",
      ),
      ["pullSyncUrl"],
    ),
    v.forward(
      v.partialCheck(
        [["pixelUrl"]],
        ({ pixelUrl }) => pixelUrl === null || pixelUrlFault(pixelUrl, allowInsecure) === null,
        ({ input: { pixelUrl } }) => pixelUrlFault(String(pixelUrl), allowInsecure) ?? "a URL",
      ),
      ["pixelUrl"],
    ),
    v.forward(
      v.partialCheck(
        [["bidstreamEnabled"], ["sourceDomain"]],
        ({ bidstreamEnabled, sourceDomain }) => !bidstreamEnabled || sourceDomain !== null,
        sourceDomain,
      ),
      ["sourceDomain"],
    ),
    v.transform(({ name, ...rest }) => ({ ...rest, name: name ?? rest.id })),
  );
}

type PartnerSchema = ReturnType<typeof partnerSchema>;

/** The fields of a record that are never shown, logged or answered. */
export const SECRET_PARTNER_FIELDS: readonly string[] = secretFieldsOf(
  partnerSchema({ allowInsecure: false }),
);

/** A partner as a person writes it: the defaults may be left out. */
export type PartnerInput = v.InferInput<PartnerSchema>;

/** A valid record with its defaults, the API keys not yet replaced by their hashes. */
export type PartnerSpec = v.InferOutput<PartnerSchema>;

/** A valid record: what the registry holds and the store keeps. The plain API keys are never in it. */
export type Partner = Omit<PartnerSpec, "apiKey" | "previousApiKey"> & {
  /**
   * Number of partners that were removed under this id before; left out for 0. Ids in the graph of earlier generations are not this
   * partner's. Only the registry sets it.
   */
  generation?: number;
};

/**
 * Reads one record.
 * @param input from outside, its fields in camelCase.
 * @returns the record with its defaults, or every fault it has.
 */
export function parsePartner(
  input: unknown,
  rules: PartnerRules,
): { partner: PartnerSpec } | { faults: Fault[] } {
  const schema = partnerSchema(rules);
  const { success, output, issues } = v.safeParse(schema, input);
  return success ? { partner: output } : { faults: faultsOf(issues, schema) };
}

/**
 * Replaces a record's API keys by their hashes.
 * @param sha256Hex of a text in UTF-8, as lower-case hex.
 */
export function sealPartner(
  { apiKey, previousApiKey, ...partner }: PartnerSpec,
  sha256Hex: (text: string) => string,
): Partner {
  const hashed = (key: string | undefined, hash: string | null) =>
    key === undefined ? hash : sha256Hex(key);
  return {
    ...partner,
    apiKeyHash: hashed(apiKey, partner.apiKeyHash),
    previousApiKeyHash: hashed(previousApiKey, partner.previousApiKeyHash),
  };
}

/** Which of a partner's two keys a request had. The previous one is valid until the operator ends it. */
export type WhichKey = "current" | "previous";

/** The hashes of a partner's keys. */
export function keyHashesOf({ apiKeyHash, previousApiKeyHash }: Partner): string[] {
  return [apiKeyHash, previousApiKeyHash].filter((hash) => hash !== null);
}

/**
 * The fault of a pull URL, as the rest of "expected …": it must be https, its host one of `allowedDomains`
 * (exactly; case and the root's dot do not count), and not a literal internal address.
 * @param allowInsecure plain http and this machine are allowed.
 * @returns `null` if there is no fault.
 */
export function pullUrlFault(
  pullUrl: string,
  allowedDomains: readonly string[],
  allowInsecure: boolean,
): string | null {
  const url = parseUrl(pullUrl);
  if (url === null) return "an absolute URL";
  if (url.protocol !== "https:" && !(allowInsecure && url.protocol === "http:")) {
    return "an https URL (plain http only with allowInsecurePartners)";
  }
  if (url.username !== "" || url.password !== "") return "a URL without user and password; use pullToken";
  if (isInternalHost(url.hostname) && !(allowInsecure && isLoopbackHost(url.hostname))) {
    return "a URL outside private, loopback, link-local and metadata addresses";
  }
  if (!allowedDomains.includes(url.hostname.replace(/\.$/, ""))) {
    return "a URL whose host is one of pullSyncAllowedDomains of the same partner";
  }
  return null;
}

function isName(value: string): boolean {
  return NAME.test(value) && value.trim() !== "";
}
