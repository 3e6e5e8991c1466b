import { describe, expect, test, vi } from "vitest";
import { DEFAULT_GDPR_COUNTRIES } from "../../../../runtime/ec/request/consent.ts";
import { type ConfigError, composeConfig } from "../../../../worker/config/compose.ts";
import { configWarnings, edgeCookieSection, parseConfig } from "../../../../worker/ec/config.ts";
import { edgeCookie } from "../../../../worker/entries/node.ts";
import { isPublicSuffix } from "../../../../worker/hosts/process/public-suffix.ts";
import { manualClock } from "../../../support/manual-clock.ts";
import { faultLines } from "../config/fault-lines.ts";

const SECRET = "publisher-chosen-secret";
const minimal = { publisher: { domain: "millrace.localhost" }, passphrases: [SECRET] };
const HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/** A minimal configuration with one part changed. */
const withPart = (part: object) => ({ ...structuredClone(minimal), ...part });
const withPartners = (...partners: unknown[]) => withPart({ partners });
const faultsOf = (input: unknown) => faultLines(() => parseConfig(input));

describe("defaults", () => {
  const config = parseConfig(minimal);

  test("are those of the documentation", () => {
    expect(config).toMatchObject({
      publisher: { domain: "millrace.localhost", origin: null, originTimeoutMs: 30_000 },
      passphrases: [SECRET],
      store: null,
      limiter: "local",
      readEcHeader: true,
      pullSyncConcurrency: 3,
      allowInsecurePartners: false,
      client: { ipHeader: null, countryHeader: null, regionHeader: null, protocolHeader: null },
      operator: { tokenHash: null, readOnlyTokenHash: null },
      consent: { maxAgeDays: 395, assumeCountry: null },
      auction: { endpoint: null },
      throttle: { maxKeys: null },
      sync: { maxConcurrentPerDomain: 20, maxPerMinutePerDomain: 1200, maxQueued: 100_000 },
      partners: [],
    });
    expect(config.listen).toBeUndefined();
    expect(config.consent.gdprCountries).toEqual(DEFAULT_GDPR_COUNTRIES);
    expect(config.consent.usStates).toHaveLength(20);
  });

  test("parsing a parsed configuration changes nothing", () => {
    const full = parseConfig(
      withPart({
        listen: { host: "[::1]", port: 0 },
        partners: [{ id: "ssp", apiKey: "a-key-of-the-ssp-partner" }],
      }),
    );
    expect(parseConfig(full)).toEqual(full);
  });

  test("values with several spellings are kept in one", () => {
    const { listen, publisher, client, consent } = parseConfig({
      ...minimal,
      listen: { host: "[::1]" },
      publisher: { domain: "WWW.Example.COM", origin: "HTTP://Origin.Example:80/" },
      client: { ipHeader: "X-Real-IP" },
      consent: { assumeCountry: "de", gdprCountries: ["fr"] },
    });
    expect(listen).toEqual({ host: "::1", port: 8787 });
    expect(publisher).toMatchObject({ domain: "www.example.com", origin: "http://origin.example" });
    expect(client.ipHeader).toBe("x-real-ip");
    expect(consent).toMatchObject({ assumeCountry: "DE", gdprCountries: ["FR"] });
  });
});

describe("faults", () => {
  const cases: [what: string, input: unknown, field: string, expected: RegExp][] = [
    ["an unknown field", withPart({ consnt: {} }), "consnt", /did you mean "consent"/],
    ["an unknown field like no other", withPart({ zzzzzz: 1 }), "zzzzzz", /one of listen, publisher/],
    ["no passphrase in the list", withPart({ passphrases: [] }), "passphrases", /1 to 16/],
    ["a text for a list", withPart({ passphrases: SECRET }), "passphrases", /a list/],
    ["a passphrase twice", withPart({ passphrases: [SECRET, SECRET] }), "passphrases", /twice/],
    [
      "17 passphrases",
      withPart({ passphrases: Array.from({ length: 17 }, (_, i) => `passphrase number ${i}`) }),
      "passphrases",
      /1 to 16/,
    ],
    ["no domain", { ...minimal, publisher: {} }, "publisher.domain", /a domain/],
    ["no publisher", { passphrases: [SECRET] }, "publisher.domain", /a domain/],
    ["no passphrases", { publisher: minimal.publisher }, "passphrases", /1 to 16/],
    [
      "a header's name with a space",
      withPart({ client: { ipHeader: "x real" } }),
      "client.ipHeader",
      /header/,
    ],
    ["every header", withPart({ client: { ipHeader: "*" } }), "client.ipHeader", /x-real-ip/],
    [
      "a header with its colon",
      withPart({ client: { countryHeader: "x-country:" } }),
      "client.countryHeader",
      /x-real-ip/,
    ],
    [
      "a plain token for a hash",
      withPart({ operator: { tokenHash: "my-token" } }),
      "operator.tokenHash",
      /millrace hash/,
    ],
    [
      "the hash of an empty text",
      withPart({
        operator: { tokenHash: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
      }),
      "operator.tokenHash",
      /millrace hash/,
    ],
    ["an empty passphrase", withPart({ passphrases: [""] }), "passphrases[0]", /8 bytes/],
    ["a short one", withPart({ passphrases: [SECRET, "1234567"] }), "passphrases[1]", /8 bytes/],
    ["a number for a passphrase", withPart({ passphrases: [12345678] }), "passphrases[0]", /a text/],
    ["a text for a boolean", withPart({ readEcHeader: "yes" }), "readEcHeader", /true or false/],
    ["a concurrency of none", withPart({ pullSyncConcurrency: 0 }), "pullSyncConcurrency", /from 1 to 100/],
    ["half a concurrency", withPart({ pullSyncConcurrency: 1.5 }), "pullSyncConcurrency", /from 1 to 100/],
    ["a port too high", withPart({ listen: { port: 65_536 } }), "listen.port", /0 to 65535/],
    ["a port below none", withPart({ listen: { port: -1 } }), "listen.port", /0 to 65535/],
    ["a port as a text", withPart({ listen: { port: "80" } }), "listen.port", /0 to 65535/],
    ["a host with a port", withPart({ listen: { host: "localhost:80" } }), "listen.host", /address/],
    ["a host with a scheme", withPart({ listen: { host: "http://localhost" } }), "listen.host", /address/],
    ["a store without a scheme", withPart({ store: "millrace.db" }), "store", /sqlite:/],
    ["an unknown limiter", withPart({ limiter: "none" }), "limiter", /local/],
    [
      "a domain with a scheme",
      withPart({ publisher: { domain: "https://a.example" } }),
      "publisher.domain",
      /./,
    ],
    [
      "a domain with a leading dot",
      withPart({ publisher: { domain: ".a.example" } }),
      "publisher.domain",
      /./,
    ],
    [
      "an address as domain",
      withPart({ publisher: { domain: "127.0.0.1" } }),
      "publisher.domain",
      /a cookie/,
    ],
    [
      "a name without a dot",
      withPart({ publisher: { domain: "localhost" } }),
      "publisher.domain",
      /a cookie/,
    ],
    [
      "an origin with a path",
      withPart({ publisher: { domain: "a.example", origin: "http://b.example/c" } }),
      "publisher.origin",
      /without path/,
    ],
    [
      "an origin of another scheme",
      withPart({ publisher: { domain: "a.example", origin: "ftp://b.example" } }),
      "publisher.origin",
      /http or https/,
    ],
    [
      "a country of three letters",
      withPart({ consent: { assumeCountry: "DEU" } }),
      "consent.assumeCountry",
      /DE/,
    ],
    [
      "a country twice",
      withPart({ consent: { gdprCountries: ["DE", "de"] } }),
      "consent.gdprCountries",
      /none of them twice/,
    ],
    [
      "a country twice, under two codes",
      withPart({ consent: { gdprCountries: ["GB", "UK"] } }),
      "consent.gdprCountries",
      /none of them twice/,
    ],
    ["no country", withPart({ consent: { assumeCountry: "XX" } }), "consent.assumeCountry", /DE/],
    [
      "an unknown rule of withdrawal",
      withPart({ consent: { withdrawal: "always" } }),
      "consent.withdrawal",
      /any or explicit/,
    ],
    ["an age of no days", withPart({ consent: { maxAgeDays: 0 } }), "consent.maxAgeDays", /days/],
    [
      "an auction endpoint with a password",
      withPart({ auction: { endpoint: "https://a:b@c.example/" } }),
      "auction.endpoint",
      /without user/,
    ],
    ["a queue of none", withPart({ sync: { maxQueued: 0 } }), "sync.maxQueued", /from 1/],
    ["a throttle of none", withPart({ throttle: { maxKeys: 0 } }), "throttle.maxKeys", /from 1000/],
    ["partners by name", withPart({ partners: { a: {} } }), "partners", /a list/],
    ["a partner without id", withPartners({}), "partners[0].id", /an id/],
    ["an id in capitals", withPartners({ id: "SSP" }), "partners[0].id", /an id/],
    ["a reserved id", withPartners({ id: "eids" }), "partners[0].id", /none of ec, eids/],
    ["an id twice", withPartners({ id: "a" }, { id: "a" }), "partners[1].id", /one of its own/],
    [
      "a key twice",
      withPartners(
        { id: "a", apiKey: "the-same-key-for-both" },
        { id: "b", apiKey: "the-same-key-for-both" },
      ),
      "partners[1].apiKey",
      /one of its own/,
    ],
    ["a short key", withPartners({ id: "a", apiKey: "short" }), "partners[0].apiKey", /16 to 4096/],
    [
      "a key and a hash",
      withPartners({ id: "a", apiKey: "a-key-of-the-ssp-partner", apiKeyHash: HASH }),
      "partners[0].apiKeyHash",
      /one of the two/,
    ],
    [
      "pull sync without a URL",
      withPartners({ id: "a", pullSyncEnabled: true, pullToken: "t" }),
      "partners[0].pullSyncUrl",
      /a URL/,
    ],
    [
      "pull sync without a token",
      withPartners({
        id: "a",
        pullSyncEnabled: true,
        pullSyncUrl: "https://p.example/",
        pullSyncAllowedDomains: ["p.example"],
      }),
      "partners[0].pullToken",
      /pullSyncEnabled must be false/,
    ],
    [
      "bidstream without a source",
      withPartners({ id: "a", bidstreamEnabled: true }),
      "partners[0].sourceDomain",
      /bidstreamEnabled must be false/,
    ],
    [
      "a return domain with a path",
      withPartners({ id: "a", allowedReturnDomains: ["a.example/x"] }),
      "partners[0].allowedReturnDomains[0]",
      /without scheme/,
    ],
    // Entries of lists that could never match.
    ...[
      "*",
      "*.a.example",
      "a.*",
      "%2a.example",
      "a..example",
      "a example",
      "https://a.example",
      "a.example:443",
    ].flatMap((host): (typeof cases)[number][] => [
      [
        `the return domain ${host}`,
        withPartners({ id: "a", allowedReturnDomains: ["b.example", host] }),
        "partners[0].allowedReturnDomains[1]",
        /wildcard/,
      ],
      [
        `the pull domain ${host}`,
        withPartners({ id: "a", pullSyncAllowedDomains: [host] }),
        "partners[0].pullSyncAllowedDomains[0]",
        /wildcard/,
      ],
    ]),
    [
      "a source that is a wildcard",
      withPartners({ id: "a", sourceDomain: "*" }),
      "partners[0].sourceDomain",
      /wildcard/,
    ],
    ["all countries", withPart({ consent: { gdprCountries: ["*"] } }), "consent.gdprCountries[0]", /GB/],
    [
      "a union for a country",
      withPart({ consent: { assumeCountry: "EU" } }),
      "consent.assumeCountry",
      /ISO 3166-1/,
    ],
    ["all states", withPart({ consent: { usStates: ["*"] } }), "consent.usStates[0]", /such as CA/],
    [
      "a state of another country",
      withPart({ consent: { usStates: ["ON"] } }),
      "consent.usStates[0]",
      /such as CA/,
    ],
  ];

  test.each(cases)("%s", (_what, input, field, expected) => {
    const faults = faultsOf(input);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(new RegExp(`^${field.replace(/[[\].]/g, "\\$&")}: `));
    expect(faults[0]).toMatch(expected);
  });
});

test("a configuration in code lists its faults without the name of the section", () => {
  const faults = faultsOf({
    publisher: { domain: "localhost" },
    passphrases: ["short"],
    client: 5,
    nonsense: 1,
  });
  expect(faults.map((fault) => fault.slice(0, fault.indexOf(": ")))).toEqual([
    "client",
    "publisher.domain",
    "passphrases[0]",
    "nonsense",
  ]);
});

test("the table of rate-limit windows has the configured size, else the host's", () => {
  const keysOf = (throttle: object) => {
    const { services } = edgeCookie({ ...minimal, store: "memory:", throttle })(() => new Response()).service(
      {} as never,
    );
    return services.hotPath.stats().maxKeys;
  };
  expect(keysOf({ maxKeys: 5000 })).toBe(5000);
  expect(keysOf({})).toBe(1_000_000);
});

test("a configuration without a source of countries warns", () => {
  expect(configWarnings(parseConfig(minimal))).toEqual([expect.stringMatching(/no EC id will be minted/)]);
  expect(configWarnings(parseConfig(withPart({ consent: { assumeCountry: "DE" } })))).toEqual([]);
  const headers = { countryHeader: "cf-ipcountry", regionHeader: "cf-region-code" };
  expect(configWarnings(parseConfig(withPart({ client: headers })))).toEqual([]);
});

test("a source of countries without one of regions warns, unless usStates is empty", () => {
  const client = { countryHeader: "cf-ipcountry" };
  expect(configWarnings(parseConfig(withPart({ client })))).toEqual([
    expect.stringMatching(/client\.regionHeader/),
  ]);
  expect(configWarnings(parseConfig(withPart({ client, consent: { usStates: [] } })))).toEqual([]);
});

test("countries are kept under the codes by which requests are read", () => {
  const consent = { gdprCountries: ["uk", "el", "fr"], assumeCountry: "UK" };
  expect(parseConfig(withPart({ consent })).consent).toMatchObject({
    gdprCountries: ["GB", "GR", "FR"],
    assumeCountry: "GB",
  });
});

describe("with the list of public suffixes at hand", () => {
  const domainFault = (domain: string) => {
    try {
      composeConfig(
        [edgeCookieSection],
        { edgeCookie: { ...minimal, publisher: { domain } } },
        { env: {}, isPublicSuffix },
      );
      return null;
    } catch (error) {
      return (error as ConfigError).faults.map(({ field, found, expected }) => [field, found, expected]);
    }
  };

  test.each([
    "co.uk",
    "CO.UK",
    "com.au",
    "github.io",
    "kobe.jp",
    "a.kobe.jp",
    "s3.amazonaws.com",
    "uk.com",
    "anything.ck",
  ])("%s is refused", (domain) => {
    expect(domainFault(domain)).toEqual([
      [
        "edgeCookie.publisher.domain",
        JSON.stringify(domain),
        expect.stringContaining(`such as example.${domain.toLowerCase()}: browsers keep no cookie`),
      ],
    ]);
  });

  test.each([
    "example.co.uk",
    "a.example.co.uk",
    "me.github.io",
    "city.kobe.jp",
    "www.ck",
    "millrace.localhost",
    "a.internal",
    "a.example",
    "xn--bcher-kva.example",
  ])("%s is valid", (domain) => {
    expect(domainFault(domain)).toBeNull();
  });

  test.each(["com", "localhost", "127.0.0.1", "[::1]", "co.uk.", ".co.uk", "*.co.uk"])(
    "%s is refused by its form",
    (domain) => {
      expect(domainFault(domain)).toEqual([
        [
          "edgeCookie.publisher.domain",
          JSON.stringify(domain),
          expect.stringContaining("such as example.com"),
        ],
      ]);
    },
  );

  test("a program in code gets the fault in its log", async () => {
    const clock = manualClock();
    const log: string[] = [];
    const write = (message: string) => log.push(message);
    const handler = edgeCookie({
      ...minimal,
      publisher: { domain: "co.uk" },
      store: "memory:",
      clock,
      log: { debug() {}, info() {}, warn: write, error: write },
    })(() => new Response("page"));
    await handler(new Request("https://co.uk/"), {} as never);
    await clock.settle(1000);
    await vi.waitFor(() =>
      expect(log).toContainEqual(expect.stringMatching(/^publisher\.domain: "co\.uk"; expected/)),
    );
    await handler.close();
  });
});
