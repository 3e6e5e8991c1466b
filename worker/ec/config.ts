/**
 * The configuration: one schema, whatever the host. Needs no host itself; files are read by a function it is given.
 * @module
 */
import * as v from "valibot";
import { type Partner, partnerSchema, sealPartner } from "../../runtime/ec/partners/partner.ts";
import {
  DEFAULT_GDPR_COUNTRIES,
  DEFAULT_US_STATES,
  type WithdrawalRule,
} from "../../runtime/ec/request/consent.ts";
import { readCountry } from "../../runtime/ec/request/places.ts";
import { isLoopbackHost, isRange } from "../../runtime/lib/addresses.ts";
import {
  describeFault,
  type Fault,
  faultsOf,
  fields,
  flag,
  hostName,
  listOf,
  parseUrl,
  secretHash,
  text,
  whole,
} from "../../runtime/lib/schema.ts";
import { type Environment, overrideByEnvironment } from "../config/environment.ts";
import { type ReadFile, resolveSecrets } from "../config/secrets.ts";
import { MOST_KEYS, visitorKeysNeeded, visitorKeysOf } from "../hosts/table-sizes.ts";
import { COUNTRIES, US_REGIONS } from "./codes.ts";
import { passphraseFault } from "./passphrase.ts";

const MAX_PASSPHRASES = 16;
const DOMAIN = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** Fewer characters than a name may have (RFC 9110, section 5.6.2): others are mistakes, such as a wildcard. */
const HEADER_NAME = /^[A-Za-z0-9][\w-]{0,99}$/;

/** A part of the configuration that may be left out as far as all of its fields may. */
function section<Entries extends v.ObjectEntries>(entries: Entries) {
  return v.optional(fields(entries), {} as never);
}

function headerName() {
  const expected = "a header's name such as x-real-ip, or null";
  return v.nullish(
    v.pipe(
      text(expected, (name) => HEADER_NAME.test(name)),
      v.toLowerCase(),
    ),
    null,
  );
}

/** A country's code in either case; kept as requests are read, so that `UK` here and `GB` there are one country. */
function country() {
  const expected = "a country code of two letters (ISO 3166-1), such as DE or GB";
  return v.pipe(
    v.string(expected),
    v.transform((given: string) => readCountry(given)),
    v.string(expected),
    v.check((code) => COUNTRIES.has(code), expected),
  );
}

/** One of the United States' codes, in either case. */
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

/** Whether a domain is a public suffix, for which browsers keep no cookie. */
export type IsPublicSuffix = (domain: string) => boolean;

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

/** What should stand in the place of a public suffix. */
export function publicSuffixExpected(suffix: string): string {
  return `a domain of your own below ${suffix}, such as example.${suffix}: browsers keep no cookie for a public suffix`;
}

/** Where to listen: a host name or address; IPv6 with or without brackets, kept without. */
function listenHost() {
  const expected = "a host name or an address, such as 127.0.0.1, :: or localhost";
  return v.pipe(
    v.string(expected),
    v.transform((given) => (/^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(given) ? `[${given}]` : given)),
    v.check((given) => v.is(hostName(), given), expected),
    v.transform((given) => given.replace(/^\[(.*)\]$/, "$1").toLowerCase()),
  );
}

function originUrl() {
  const expected = "an http or https origin without path, such as http://127.0.0.1:9000";
  const originOf = (given: string): string | null => {
    const url = httpUrl(given);
    return url !== null && url.pathname === "/" && !/[?#]/.test(given) ? url.origin : null;
  };
  return v.pipe(v.string(expected), v.transform(originOf), v.string(expected));
}

/** What the site is asked by: the visitor's host, or a name of its own. */
function originHost() {
  return text(
    "preserve, or a host with or without a port, such as www.example.com",
    (given) => given === "preserve" || /^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(given),
  );
}

/** How many proxies are in front, or which addresses they have. */
function trustedProxies() {
  const expected = "a number of proxies from 0 to 20, or a list of address ranges such as 10.0.0.0/8";
  return v.union(
    [
      whole(0, 20, expected),
      v.array(
        v.pipe(
          v.string(expected),
          v.check((given) => isRange(given), expected),
        ),
        expected,
      ),
    ],
    expected,
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

function configSchema(allowInsecure: boolean, isPublicSuffix: IsPublicSuffix) {
  const store = "a store such as sqlite:./data/millrace.db, memory:, redis://host:6379 or deno-kv:PATH";
  const limiter = "local, or a limiter such as redis://host:6379";
  const sections = fields({
    listen: section({
      host: v.optional(listenHost(), "127.0.0.1"),
      port: v.optional(whole(0, 65_535, "a port"), 8787),
    }),
    store: v.nullish(
      text(store, (value) => /^[a-z][a-z0-9+-]*:/.test(value)),
      null,
    ),
    limiter: v.optional(
      text(limiter, (value) => /^(local$|[a-z][a-z0-9+-]*:.)/.test(value)),
      "local",
    ),
    publisher: section({
      domain: cookieDomain(isPublicSuffix),
      origin: v.nullish(originUrl(), null),
      originHost: v.optional(originHost(), "preserve"),
      originTimeoutMs: v.optional(whole(1, 600_000, "a whole number of milliseconds"), 30_000),
    }),
    client: section({
      ipHeader: headerName(),
      countryHeader: headerName(),
      regionHeader: headerName(),
      protocolHeader: headerName(),
      trustedProxies: v.optional(trustedProxies(), 0),
    }),
    ec: section({
      passphrases: passphraseList(),
      readEcHeader: v.optional(flag(), true),
      pullSyncConcurrency: v.optional(whole(1, 100), 3),
      mintPerAddressPerHour: v.optional(whole(0, 1_000_000), 1000),
      adminTokenHash: v.nullish(secretHash(), null),
      allowInsecurePartners: v.optional(flag(), false),
    }),
    consent: section({
      gdprCountries: v.optional(listOf(country(), "country codes"), [...DEFAULT_GDPR_COUNTRIES]),
      usStates: v.optional(listOf(state(), "state codes"), [...DEFAULT_US_STATES]),
      maxAgeDays: v.optional(whole(1, 3650, "a whole number of days"), 395),
      assumeCountry: v.nullish(country(), null),
      withdrawal: v.optional(withdrawalRule(), "any"),
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
  return v.pipe(
    sections,
    v.forward(
      v.partialCheck(
        [
          ["listen", "host"],
          ["ec", "allowInsecurePartners"],
        ],
        ({ listen, ec }) => !ec.allowInsecurePartners || isLoopbackHost(listen.host),
        "false, unless listen.host is a loopback address",
      ),
      ["ec", "allowInsecurePartners"],
    ),
    v.forward(
      v.partialCheck(
        [
          ["listen", "host"],
          ["listen", "port"],
          ["publisher", "origin"],
        ],
        ({ listen, publisher }) => publisher.origin === null || !isOwnAddress(publisher.origin, listen),
        "another address than the one that millrace itself listens on",
      ),
      ["publisher", "origin"],
    ),
  );
}

function isOwnAddress(origin: string, { host, port }: { host: string; port: number }): boolean {
  const url = new URL(origin);
  const originPort = url.port === "" ? (url.protocol === "http:" ? 80 : 443) : Number(url.port);
  const sameHost = url.hostname === host || (isLoopbackHost(url.hostname) && isLoopbackHost(host));
  return originPort === port && sameHost;
}

type ConfigSchema = ReturnType<typeof configSchema>;

/** A valid configuration with its defaults. */
export type Config = v.InferOutput<ConfigSchema>;

/** A configuration as a person writes it: only `publisher.domain` and `ec.passphrases` have no default. */
export type ConfigInput = v.InferInput<ConfigSchema> &
  Required<Pick<v.InferInput<ConfigSchema>, "publisher" | "ec">>;

/** Names every fault of a configuration at once, and no secret. */
export class ConfigError extends Error {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    const count = faults.length === 1 ? "a fault" : `${faults.length} faults`;
    super(
      `the configuration has ${count}:\n${faults.map((fault) => `  ${describeFault(fault)}`).join("\n")}`,
    );
    this.name = "ConfigError";
    this.faults = faults;
  }
}

/**
 * Reads a configuration.
 *
 * @param input as parsed from JSON, or written in code.
 * @param env environment variables: `MILLRACE_…` override the input, any may be named by `{"env": …}`.
 * @param readFile reads what `{"file": …}` names; left out where there are no files.
 * @param isPublicSuffix left out where the list of public suffixes is not at hand.
 * @returns the configuration with its defaults. Parsing that again changes nothing.
 * @throws {ConfigError} if anything is wrong.
 */
export function parseConfig(
  input: unknown,
  env: Environment,
  readFile?: ReadFile,
  isPublicSuffix: IsPublicSuffix = () => false,
): Config {
  const overridden = overrideByEnvironment(input ?? {}, env, configSchema(false, isPublicSuffix));
  const { value, faults: unresolved, fields: secret } = resolveSecrets(overridden.value, env, readFile);
  const parsed = v.safeParse(configSchema(allowsInsecure(value), isPublicSuffix), value);
  const alreadySaid = new Set(unresolved.map(({ field }) => field));
  const faults = [
    ...overridden.faults,
    ...unresolved,
    ...faultsOf(parsed.issues ?? [], (field) => secret.has(field)).filter(
      ({ field }) => !alreadySaid.has(field),
    ),
    ...repetitions(value),
  ];
  if (parsed.success && faults.length === 0) return parsed.output;
  throw new ConfigError(
    faults.map((fault) => {
      const variable = overridden.variables.get(fault.field);
      return variable === undefined ? fault : { ...fault, field: `${fault.field} (from ${variable})` };
    }),
  );
}

function allowsInsecure(value: unknown): boolean {
  return (value as ConfigInput | null)?.ec?.allowInsecurePartners === true;
}

/** Partners that share an id or a key. Read from the input, so that other faults do not hide these. */
function repetitions(value: unknown): Fault[] {
  const partners: unknown = (value as ConfigInput | null)?.partners;
  if (!Array.isArray(partners)) return [];
  const seen = new Map<string, number>();
  const faults: Fault[] = [];
  partners.forEach((partner: Record<string, unknown> | null, index) => {
    for (const name of ["id", "apiKey", "apiKeyHash"]) {
      const given = partner?.[name];
      if (typeof given !== "string") continue;
      const key = `${name} ${given}`;
      const first = seen.get(key);
      if (first === undefined) seen.set(key, index);
      else faults.push({ field: `partners[${index}].${name}`, ...sameAs(name, first) });
    }
  });
  return faults;
}

function sameAs(name: string, first: number): Pick<Fault, "found" | "expected"> {
  return { found: `the same as partners[${first}].${name}`, expected: "one of its own for each partner" };
}

/**
 * The configured partners as the registry holds them: API keys replaced by their hashes.
 * @param sha256Hex of a text in UTF-8, as lower-case hex.
 * @throws {ConfigError} if two of them have the same key, one given plainly and one by its hash.
 */
export function sealPartners(config: Config, sha256Hex: (text: string) => string): Partner[] {
  const sealed = config.partners.map((partner) => sealPartner(partner, sha256Hex));
  const faults = repetitions({ partners: sealed });
  if (faults.length > 0) throw new ConfigError(faults);
  return sealed;
}

/** What an operator ought to know of a configuration that is valid all the same. */
export function configWarnings(config: Config): string[] {
  const { client, consent } = config;
  const warnings: string[] = [];
  if (client.countryHeader === null && consent.assumeCountry === null) {
    warnings.push(
      "every visitor's jurisdiction will be unknown and no EC id will be minted: " +
        "set client.countryHeader to the header in which your proxy tells the country, or consent.assumeCountry",
    );
  }
  if (client.countryHeader !== null && client.regionHeader === null && consent.usStates.length > 0) {
    warnings.push(
      "every visitor from the US will be treated as in a state with a privacy law: " +
        "set client.regionHeader to the header in which your proxy tells the region",
    );
  }
  const [needed, held] = [visitorKeysNeeded(config), visitorKeysOf(config)];
  if (config.limiter === "local" && needed > held) {
    warnings.push(
      `the table of visitors' rate limits holds ${held} keys, and ${config.throttle.addressesPerHour} addresses an hour ` +
        `need ${needed} with these partners: beyond, visitors share counts and may be refused early; ` +
        "raise throttle.maxKeys, lower throttle.addressesPerHour, or share a Redis limiter",
    );
  }
  return warnings;
}
