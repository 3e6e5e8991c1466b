/**
 * The Edge Cookie's section of the configuration.
 * @module
 */
import * as v from "valibot";
import { MAX_PASSPHRASES } from "../../runtime/ec/id.ts";
import { type Partner, partnerSchema, sealPartner } from "../../runtime/ec/partners/partner.ts";
import {
  DEFAULT_GDPR_COUNTRIES,
  DEFAULT_US_STATES,
  type VendorlessRule,
  type WithdrawalRule,
} from "../../runtime/ec/request/consent.ts";
import { DEFAULT_COOKIE_NAME } from "../../runtime/ec/request/cookie.ts";
import { EID_COOKIES } from "../../runtime/ec/request/eid-cookies.ts";
import { readCountry } from "../../runtime/ec/request/places.ts";
import { SIGNAL_COOKIES } from "../../runtime/ec/request/signals.ts";
import { isLoopbackHost } from "../../runtime/lib/addresses.ts";
import { type Fault, fields, flag, listOf, parseUrl, secret, text, whole } from "../../runtime/lib/schema.ts";
import {
  type ComposedConfig,
  ConfigError,
  type ConfigSection,
  composeConfig,
  type IsPublicSuffix,
} from "../config/compose.ts";
import type { Environment } from "../config/environment.ts";
import { listenAddress, type SharedConfig, type SharedInput, section } from "../config/shared.ts";
import type { Host } from "../hosts/host.ts";
import { MOST_KEYS } from "../hosts/table-sizes.ts";
import { COUNTRIES, US_REGIONS } from "./codes.ts";
import type { ConfigInput, EdgeCookieFields } from "./config-fields.ts";
import { passphraseFault } from "./passphrase.ts";
import { visitorKeysNeeded, visitorKeysOf } from "./table-needs.ts";

const DOMAIN = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** A country's code in either case. Normalised as in requests, so that `UK` and `GB` are one country. */
function country() {
  const expected = "a country code of two letters (ISO 3166-1), such as DE or GB";
  return v.pipe(
    v.string(expected),
    v.transform((given: string) => readCountry(given)),
    v.string(expected),
    v.check((code) => COUNTRIES.has(code), expected),
  );
}

/** The code of a US state, in either case. */
function state() {
  const expected = "a US state's code of two letters (ISO 3166-2:US), such as CA";
  return v.pipe(
    v.string(expected),
    v.toUpperCase(),
    v.check((value) => US_REGIONS.has(value), expected),
  );
}

function withdrawalRule() {
  return v.picklist(["any", "explicit"] satisfies WithdrawalRule[], "any or explicit");
}

function vendorlessRule() {
  return v.picklist(["allow", "deny"] satisfies VendorlessRule[], "allow, deny or null");
}

function cookieDomain(isPublicSuffix: IsPublicSuffix) {
  const expected =
    "a domain that a cookie can be set for, such as example.com (international names in punycode)";
  return v.pipe(
    v.string(expected),
    v.toLowerCase(),
    v.check((value) => DOMAIN.test(value), expected),
    v.check(
      (value) => !DOMAIN.test(value) || !isPublicSuffix(value),
      ({ input }) => publicSuffixExpected(input),
    ),
  );
}

/** A cookie's name (RFC 6265) whose attributes a browser accepts, and that no other cookie has. */
function cookieName() {
  const expected =
    "a cookie name of 1 to 64 characters A-Z a-z 0-9 . _ -, without __Host- or __Http- in front, and no other cookie's that is read";
  return text(
    expected,
    (name) =>
      /^[\w.-]{1,64}$/.test(name) &&
      !/^__(?:Host|Http)-/i.test(name) &&
      !([...SIGNAL_COOKIES, ...EID_COOKIES] as readonly string[]).includes(name),
  );
}

/** The expected value in place of a public suffix. */
export function publicSuffixExpected(suffix: string): string {
  return `a domain of your own below ${suffix}, such as example.${suffix}: browsers keep no cookie for a public suffix`;
}

function originUrl() {
  const expected = "an http or https origin without path, such as http://127.0.0.1:9000";
  const originOf = (given: string): string | null => {
    const url = httpUrl(given);
    return url !== null && url.pathname === "/" && !/[?#]/.test(given) ? url.origin : null;
  };
  return v.pipe(v.string(expected), v.transform(originOf), v.string(expected));
}

/** The `Host` of requests to the origin: the visitor's, or a fixed one. */
function originHost() {
  return text(
    "preserve, or a host with or without a port, such as www.example.com",
    (given) => given === "preserve" || /^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(given),
  );
}

function httpUrl(given: string): URL | null {
  const url = parseUrl(given);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === ""
    ? url
    : null;
}

function passphraseList() {
  const expected = `a list of 1 to ${MAX_PASSPHRASES} passphrases, the newest first`;
  const passphrase = v.pipe(
    v.string("a text"),
    v.check(
      (value) => passphraseFault(value) === null,
      ({ input }) => passphraseFault(input) ?? "a text",
    ),
  );
  return v.pipe(
    v.array(passphrase, expected),
    v.check((list) => list.length >= 1 && list.length <= MAX_PASSPHRASES, expected),
    v.check((list) => new Set(list).size === list.length, `${expected}, none of them twice`),
  );
}

function edgeCookieSchema(allowInsecure: boolean, isPublicSuffix: IsPublicSuffix) {
  const store = "a store such as sqlite:./data/millrace.db, memory:, redis://host:6379 or deno-kv:PATH";
  const limiter = "local, or a limiter such as redis://host:6379";
  return fields({
    listen: v.optional(listenAddress()),
    publisher: section({
      domain: cookieDomain(isPublicSuffix),
      origin: v.nullish(originUrl(), null),
      originHost: v.optional(originHost(), "preserve"),
      originTimeoutMs: v.optional(whole(1, 600_000, "a whole number of milliseconds"), 30_000),
    }),
    passphrases: secret(passphraseList()),
    store: v.nullish(secret(text(store, (value) => /^[a-z][a-z0-9+-]*:/.test(value))), null),
    limiter: v.optional(
      secret(text(limiter, (value) => /^(local$|[a-z][a-z0-9+-]*:.)/.test(value))),
      "local",
    ),
    readEcHeader: v.optional(flag(), true),
    cookie: section({
      name: v.optional(cookieName(), DEFAULT_COOKIE_NAME),
      maxAgeDays: v.optional(whole(1, 400, "a whole number of days"), 365),
    }),
    pullSyncConcurrency: v.optional(whole(1, 100), 3),
    mintPerAddressPerHour: v.optional(whole(0, 1_000_000), 1000),
    allowInsecurePartners: v.optional(flag(), false),
    consent: section({
      gdprCountries: v.optional(listOf(country(), "country codes"), [...DEFAULT_GDPR_COUNTRIES]),
      usStates: v.optional(listOf(state(), "state codes"), [...DEFAULT_US_STATES]),
      maxAgeDays: v.optional(whole(1, 3650, "a whole number of days"), 395),
      assumeCountry: v.nullish(country(), null),
      withdrawal: v.optional(withdrawalRule(), "any"),
      vendorless: v.nullish(vendorlessRule(), null),
    }),
    auction: section({
      endpoint: v.nullish(
        text("an http or https URL without user and password, or null", (value) => httpUrl(value) !== null),
        null,
      ),
    }),
    throttle: section({
      maxKeys: v.nullish(whole(1000, MOST_KEYS), null),
      addressesPerHour: v.optional(whole(1, 1_000_000_000), 200_000),
    }),
    sync: section({
      maxConcurrentPerDomain: v.optional(whole(1, 10_000), 20),
      maxPerMinutePerDomain: v.optional(whole(1, 1_000_000), 1200),
      maxQueued: v.optional(whole(1, 10_000_000), 100_000),
    }),
    partners: v.optional(v.array(partnerSchema({ allowInsecure }), "a list of partners"), []),
  });
}

function isOwnAddress(origin: string, { host, port }: { host: string; port: number }): boolean {
  const url = new URL(origin);
  const originPort = url.port === "" ? (url.protocol === "http:" ? 80 : 443) : Number(url.port);
  const sameHost = url.hostname === host || (isLoopbackHost(url.hostname) && isLoopbackHost(host));
  return originPort === port && sameHost;
}

type EdgeCookieSchema = ReturnType<typeof edgeCookieSchema>;

/** The section `edgeCookie` with its defaults. */
export type EdgeCookieSection = v.InferOutput<EdgeCookieSchema>;

/** What the Edge Cookie runs with: its section, and what services share. */
export type Config = EdgeCookieSection & Pick<SharedConfig, "client" | "operator">;

/** The type that the schema accepts. {@link EdgeCookieFields} is the same, with comments. */
export type EdgeCookieSchemaInput = v.InferInput<EdgeCookieSchema>;

export type { ConfigInput, EdgeCookieFields } from "./config-fields.ts";

/** The section `edgeCookie` of the configuration. */
export const edgeCookieSection: ConfigSection<EdgeCookieSection> = {
  name: "edgeCookie",
  secrets: ["passphrases", "apiKey", "apiKeyHash", "previousApiKey", "previousApiKeyHash", "pullToken"],
  secretUrls: ["store", "limiter"],
  readsPublicSuffixes: true,
  schema: (given, isPublicSuffix) =>
    edgeCookieSchema((given as ConfigInput | null)?.allowInsecurePartners === true, isPublicSuffix),
  faults: (given, isServed) => [...repetitions(given), ...(isServed ? missingOrigin(given) : [])],
};

/** The Edge Cookie's part of a whole configuration; `undefined`: it has no section. */
export function edgeCookieIn(config: ComposedConfig): Config | undefined {
  const section = config.section(edgeCookieSection);
  const { client, operator } = config.shared;
  return section === undefined ? undefined : { ...section, client, operator };
}

/** A whole configuration with an Edge Cookie, as a person writes it. */
export type EdgeConfigInput = Partial<SharedInput> & {
  /** The address of the JSON schema, for editors. */
  $schema?: string;
  /** The Edge Cookie. */
  edgeCookie: EdgeCookieFields;
};

/**
 * Reads a whole configuration on a host that runs the Edge Cookie alone.
 * @param env environment variables, as in {@link composeConfig}.
 * @throws {ConfigError} naming every fault at once.
 */
export function readEdgeConfig(input: unknown, env: Environment = {}): Config & Pick<SharedConfig, "log"> {
  const config = composeConfig([edgeCookieSection], { edgeCookie: {}, ...(input as object) }, { env });
  return { ...edgeCookieIn(config)!, log: config.shared.log };
}

/**
 * Reads the configuration of an Edge Cookie that is embedded in code: the fields of the section `edgeCookie`, and `client`
 * and `operator` beside them.
 * @returns the configuration with its defaults. Parsing that again changes nothing.
 * @throws {ConfigError} naming every fault at once.
 */
export function parseConfig(input: unknown): Config {
  const { client, operator, ...section } = (input ?? {}) as Partial<ConfigInput>;
  try {
    const shared = {
      ...(client === undefined ? {} : { client }),
      ...(operator === undefined ? {} : { operator }),
    };
    return edgeCookieIn(composeConfig([edgeCookieSection], { ...shared, edgeCookie: section }, { env: {} }))!;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(
      error.faults.map((fault) => ({ ...fault, field: fault.field.replace(/^edgeCookie\.?/, "") })),
    );
  }
}

/**
 * Faults of a valid section that keep our own server from running with it.
 * @param listen where the service listens.
 */
export function servingFaults(
  { publisher, allowInsecurePartners }: EdgeCookieSection,
  listen: { host: string; port: number },
): Fault[] {
  const faults: Fault[] = [];
  if (publisher.origin !== null && isOwnAddress(publisher.origin, listen)) {
    const expected = "another address than the one that millrace itself listens on";
    faults.push({ field: "publisher.origin", found: JSON.stringify(publisher.origin), expected });
  }
  if (allowInsecurePartners && !isLoopbackHost(listen.host)) {
    const expected = "false, unless listen.host is a loopback address";
    faults.push({ field: "allowInsecurePartners", found: "true", expected });
  }
  return faults;
}

/** Faults of the URLs of store and limiter that only the host knows. Opens nothing. */
export function urlFaults(
  { store, limiter }: Partial<Pick<EdgeCookieSection, "store" | "limiter">>,
  host: Pick<Host, "storeFault" | "limiterFault" | "defaultStore">,
): Fault[] {
  const faults = {
    store: store === undefined ? null : host.storeFault(store ?? host.defaultStore),
    limiter: limiter === undefined ? null : host.limiterFault(limiter),
  };
  return Object.entries(faults).flatMap(([field, expected]) =>
    expected === null ? [] : [{ field, found: `a ${field} that this host cannot open`, expected }],
  );
}

/** The fault of a missing origin, which our own server needs. */
function missingOrigin(given: unknown): Fault[] {
  const origin = (given as Partial<ConfigInput> | null)?.publisher?.origin;
  if (origin !== undefined && origin !== null && origin !== "") return [];
  const expected = "the site to put the Edge Cookie in front of, such as http://127.0.0.1:9000";
  return [{ field: "publisher.origin", found: "missing", expected }];
}

/** Partners that share an id or a key. */
function repetitions(value: unknown): Fault[] {
  const partners: unknown = (value as ConfigInput | null)?.partners;
  if (!Array.isArray(partners)) return [];
  const seen = new Map<string, string>();
  const faults: Fault[] = [];
  partners.forEach((partner: Record<string, unknown> | null, index) => {
    for (const [name, kind] of UNIQUE_FIELDS) {
      const given = partner?.[name];
      if (typeof given !== "string") continue;
      const key = `${kind} ${given}`;
      const field = `partners[${index}].${name}`;
      const first = seen.get(key);
      if (first === undefined) seen.set(key, field);
      else faults.push({ field, found: `the same as ${first}`, expected: "one of its own for each partner" });
    }
  });
  return faults;
}

/** Fields whose values no two partners share, and what they are: a current key is no partner's previous key, either. */
const UNIQUE_FIELDS = [
  ["id", "id"],
  ["apiKey", "key"],
  ["previousApiKey", "key"],
  ["apiKeyHash", "hash"],
  ["previousApiKeyHash", "hash"],
] as const;

/**
 * The configured partners as the registry holds them: API keys replaced by their hashes.
 * @param sha256Hex of a text in UTF-8, as lower-case hex.
 * @throws {ConfigError} if two of them have the same key, one given plainly and one by its hash.
 */
export function sealPartners(
  config: Pick<Config, "partners">,
  sha256Hex: (text: string) => string,
): Partner[] {
  const sealed = config.partners.map((partner) => sealPartner(partner, sha256Hex));
  const faults = repetitions({ partners: sealed });
  if (faults.length > 0) throw new ConfigError(faults);
  return sealed;
}

/**
 * Warnings for a valid configuration.
 * @param knowsPlace whether the host or the program tells the client's country and region, without headers. Default: false.
 */
export function configWarnings(config: Config, { knowsPlace = false } = {}): string[] {
  const { client, consent, limiter, throttle } = config;
  const warnings: string[] = [];
  if (!knowsPlace && client.countryHeader === null && consent.assumeCountry === null) {
    warnings.push(
      "no EC id will be minted, because no visitor's country is known: " +
        "set client.countryHeader to the header in which your proxy sends the country, or consent.assumeCountry",
    );
  }
  if (client.countryHeader !== null && client.regionHeader === null && consent.usStates.length > 0) {
    warnings.push(
      "every visitor from the US is treated as in a state with a privacy law, because no region is known: " +
        "set client.regionHeader to the header in which your proxy sends the region",
    );
  }
  const [needed, held] = [visitorKeysNeeded(config), visitorKeysOf(config)];
  if (limiter === "local" && needed > held) {
    warnings.push(
      `the table of visitors' rate limits has ${held} keys, and ${throttle.addressesPerHour} addresses an hour ` +
        `need ${needed} with these partners: above that, visitors share counts and may be refused early; ` +
        "raise throttle.maxKeys, lower throttle.addressesPerHour, or share a Redis limiter",
    );
  }
  return warnings;
}
