import { describe, expect, test, vi } from "vitest";
import { DEFAULT_GDPR_COUNTRIES } from "../../../../runtime/ec/request/consent.ts";
import { COUNTRIES, US_REGIONS } from "../../../../worker/ec/codes.ts";
import { ConfigError, configWarnings, parseConfig, sealPartners } from "../../../../worker/ec/config.ts";
import { edgeCookie } from "../../../../worker/entries/node.ts";
import { isPublicSuffix } from "../../../../worker/hosts/process/public-suffix.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const SECRET = "publisher-chosen-secret";
const minimal = { publisher: { domain: "millrace.localhost" }, ec: { passphrases: [SECRET] } };
const HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/** A minimal configuration with one part changed. */
const withPart = (part: object) => ({ ...structuredClone(minimal), ...part });
const withEc = (ec: object) => withPart({ ec: { ...minimal.ec, ...ec } });
const withPartners = (...partners: unknown[]) => withPart({ partners });

/** The faults as `field: found; expected` lines. */
function faultsOf(input: unknown, env = {}, readFile?: (path: string) => string): string[] {
  try {
    parseConfig(input, env, readFile);
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.faults.map(({ field, found, expected }) => `${field}: ${found}; ${expected}`);
    }
    throw error;
  }
  return [];
}

describe("defaults", () => {
  const config = parseConfig(minimal, {});

  test("are those of the documentation", () => {
    expect(config).toMatchObject({
      listen: { host: "127.0.0.1", port: 8787 },
      store: null,
      limiter: "local",
      publisher: { domain: "millrace.localhost", origin: null, originTimeoutMs: 30_000 },
      client: { ipHeader: null, countryHeader: null, regionHeader: null, protocolHeader: null },
      ec: {
        passphrases: [SECRET],
        readEcHeader: true,
        pullSyncConcurrency: 3,
        adminTokenHash: null,
        allowInsecurePartners: false,
      },
      consent: { maxAgeDays: 395, assumeCountry: null },
      auction: { endpoint: null },
      throttle: { maxKeys: null },
      sync: { maxConcurrentPerDomain: 20, maxPerMinutePerDomain: 1200, maxQueued: 100_000 },
      partners: [],
    });
    expect(config.consent.gdprCountries).toEqual(DEFAULT_GDPR_COUNTRIES);
    expect(config.consent.usStates).toHaveLength(20);
  });

  test("a parsed configuration is a configuration, and parsing it changes nothing", () => {
    const full = parseConfig(
      {
        ...minimal,
        listen: { host: "[::1]", port: 0 },
        partners: [{ id: "ssp", apiKey: "a-key-of-the-ssp-partner" }],
      },
      {},
    );
    expect(parseConfig(full, {})).toEqual(full);
  });

  test("what may be written in several ways is kept in one", () => {
    const { listen, publisher, client, consent } = parseConfig(
      {
        ...minimal,
        listen: { host: "[::1]" },
        publisher: { domain: "WWW.Example.COM", origin: "HTTP://Origin.Example:80/" },
        client: { ipHeader: "X-Real-IP" },
        consent: { assumeCountry: "de", gdprCountries: ["fr"] },
      },
      {},
    );
    expect(listen.host).toBe("::1");
    expect(publisher).toMatchObject({ domain: "www.example.com", origin: "http://origin.example" });
    expect(client.ipHeader).toBe("x-real-ip");
    expect(consent).toMatchObject({ assumeCountry: "DE", gdprCountries: ["FR"] });
  });
});

describe("faults", () => {
  const cases: [what: string, input: unknown, field: string, expected: RegExp][] = [
    ["not an object", 5, "", /an object/],
    ["an unknown field", withPart({ listn: {} }), "listn", /did you mean "listen"/],
    ["an unknown field deeper down", withPart({ listen: { prot: 1 } }), "listen.prot", /did you mean "port"/],
    ["an unknown field like no other", withPart({ zzzzzz: 1 }), "zzzzzz", /one of listen, store/],
    ["no domain", { ...minimal, publisher: {} }, "publisher.domain", /a domain/],
    ["no publisher", { ec: minimal.ec }, "publisher.domain", /a domain/],
    ["no passphrases", { publisher: minimal.publisher }, "ec.passphrases", /1 to 16/],
    ["no passphrase in the list", withEc({ passphrases: [] }), "ec.passphrases", /1 to 16/],
    ["a text for a list", withEc({ passphrases: SECRET }), "ec.passphrases", /a list/],
    ["a passphrase twice", withEc({ passphrases: [SECRET, SECRET] }), "ec.passphrases", /twice/],
    [
      "17 passphrases",
      withEc({ passphrases: Array.from({ length: 17 }, (_, i) => `passphrase number ${i}`) }),
      "ec.passphrases",
      /1 to 16/,
    ],
    ["an empty passphrase", withEc({ passphrases: [""] }), "ec.passphrases[0]", /8 bytes/],
    ["a short one", withEc({ passphrases: [SECRET, "1234567"] }), "ec.passphrases[1]", /8 bytes/],
    ["a number for a passphrase", withEc({ passphrases: [12345678] }), "ec.passphrases[0]", /a text/],
    ["a text for a boolean", withEc({ readEcHeader: "yes" }), "ec.readEcHeader", /true or false/],
    ["a concurrency of none", withEc({ pullSyncConcurrency: 0 }), "ec.pullSyncConcurrency", /from 1 to 100/],
    ["half a concurrency", withEc({ pullSyncConcurrency: 1.5 }), "ec.pullSyncConcurrency", /from 1 to 100/],
    [
      "a plain token for a hash",
      withEc({ adminTokenHash: "my-token" }),
      "ec.adminTokenHash",
      /millrace hash/,
    ],
    [
      "the hash of nothing",
      withEc({ adminTokenHash: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }),
      "ec.adminTokenHash",
      /millrace hash/,
    ],
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
      "an origin that is millrace itself",
      withPart({
        listen: { port: 9000 },
        publisher: { domain: "a.example", origin: "http://localhost:9000" },
      }),
      "publisher.origin",
      /another address/,
    ],
    [
      "a header's name with a space",
      withPart({ client: { ipHeader: "x real" } }),
      "client.ipHeader",
      /header/,
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
    [
      "insecure partners on an open listener",
      { ...withEc({ allowInsecurePartners: true }), listen: { host: "0.0.0.0" } },
      "ec.allowInsecurePartners",
      /loopback/,
    ],
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
    // Safe first, section 7: entries of lists that could never match.
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
    ["every header", withPart({ client: { ipHeader: "*" } }), "client.ipHeader", /x-real-ip/],
    [
      "a header with its colon",
      withPart({ client: { countryHeader: "x-country:" } }),
      "client.countryHeader",
      /x-real-ip/,
    ],
  ];

  test.each(cases)("%s", (_what, input, field, expected) => {
    const faults = faultsOf(input);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(new RegExp(`^${field.replace(/[[\].]/g, "\\$&")}: `));
    expect(faults[0]).toMatch(expected);
  });

  test("are listed all at once, even where they depend on several fields", () => {
    const input = {
      listen: { host: "0.0.0.0", port: "x" },
      publisher: { domain: "localhost" },
      ec: { passphrases: ["short", "changeme"], allowInsecurePartners: true },
      partners: [{ id: "a", openrtbAtype: "three" }, { id: "a" }],
      nonsense: 1,
    };
    expect(faultsOf(input).map((fault) => fault.slice(0, fault.indexOf(": ")))).toEqual([
      "listen.port",
      "publisher.domain",
      "ec.passphrases[0]",
      "ec.passphrases[1]",
      "partners[0].openrtbAtype",
      "nonsense",
      "ec.allowInsecurePartners",
      "partners[1].id",
    ]);
  });

  test("the message has a line for each", () => {
    expect(() => parseConfig({ ...minimal, listen: { port: 70_000 }, stor: 1 }, {})).toThrow(
      "the configuration has 2 faults:\n" +
        "  listen.port: 70000; expected a port from 0 to 65535\n" +
        '  stor: no such field; expected one of its fields; did you mean "store"?',
    );
  });
});

describe("passphrases", () => {
  test.each([
    "changeme",
    "CHANGE-ME",
    "change_me",
    "ChangeMe123!",
    "password",
    "Password1",
    "secretsecret",
    "your-secret-here",
    "<your passphrase>",
    "aaaaaaaaaaaa",
    "12345678",
    "placeholder",
  ])("%s is a placeholder", (passphrase) => {
    expect(faultsOf(withEc({ passphrases: [passphrase] }))[0]).toMatch(/not a placeholder/);
  });

  test.each([SECRET, "correct horse battery staple", "pässwört", "7f3k9d02xq", "my secret garden"])(
    "%s is none",
    (passphrase) => {
      expect(parseConfig(withEc({ passphrases: [passphrase] }), {}).ec.passphrases).toEqual([passphrase]);
    },
  );

  test("the length counts in bytes", () => {
    expect(faultsOf(withEc({ passphrases: ["ö".repeat(3)] }))).toHaveLength(1);
    expect(faultsOf(withEc({ passphrases: ["öäüß"] }))).toEqual([]);
  });
});

describe("secrets", () => {
  test("stay out of every message", () => {
    const secrets = ["s3cr3t-one", "s3cr3t-two-is-long", "s3cr3t-three", "s3cr3t-four", "s3cr3t-five"];
    const input = {
      publisher: { domain: "a.example", origin: `http://user:${secrets[0]}@b.example/` },
      store: `//:${secrets[0]}@host`,
      limiter: `//:${secrets[0]}@host`,
      ec: {
        passphrases: ["s3cr3t", { hidden: secrets[1] }],
        adminTokenHash: secrets[2],
        passphrase: secrets[3],
      },
      auction: { endpoint: `ftp://a.example/?key=${secrets[4]}` },
      partners: [
        { id: "a", apiKey: "s3cr3t", pullToken: "s3cr3t with a space", apiKeyHash: secrets[2] },
        { id: "b", pullSyncUrl: `http://x:${secrets[3]}@p.example/?token=${secrets[4]}` },
        secrets[1],
      ],
    };
    const faults = faultsOf(input, { MILLRACE_EC_PASSPHRASE: "s3cr3t-in-a-misspelt-variable" });
    expect(faults.length).toBeGreaterThan(9);
    expect(faults.join()).not.toMatch(/s3cr3t/);
  });

  test("come from files and from the environment", () => {
    const config = parseConfig(
      {
        ...withEc({ passphrases: [{ file: "/run/secrets/new" }, { env: "OLD" }] }),
        store: { env: "STORE_URL" },
        partners: [{ id: "a", apiKey: { file: "/run/secrets/key" } }],
      },
      { OLD: "the older passphrase", STORE_URL: "redis://:password@host" },
      (path) => (path.endsWith("new") ? "the newest passphrase\n" : "a-key-of-the-ssp-partner\r\n"),
    );
    expect(config.ec.passphrases).toEqual(["the newest passphrase", "the older passphrase"]);
    expect(config.store).toBe("redis://:password@host");
    expect(config.partners[0]!.apiKey).toBe("a-key-of-the-ssp-partner");
  });

  test("only one line end is cut off", () => {
    const config = parseConfig(withEc({ passphrases: [{ file: "x" }] }), {}, () => "a passphrase \n\n");
    expect(config.ec.passphrases).toEqual(["a passphrase \n"]);
  });

  test("that cannot be had are faults, said once each", () => {
    const input = withEc({
      passphrases: [{ file: "/absent" }, { env: "ABSENT" }],
      adminTokenHash: { env: "ABSENT" },
    });
    const faults = faultsOf(input, {}, () => {
      throw new Error("ENOENT");
    });
    expect(faults).toEqual([
      'ec.passphrases[0]: {"file": "/absent"}; a file that can be read (ENOENT)',
      'ec.passphrases[1]: {"env": "ABSENT"}; the environment variable ABSENT to be set',
      'ec.adminTokenHash: {"env": "ABSENT"}; the environment variable ABSENT to be set',
    ]);
    expect(faultsOf(withEc({ passphrases: [{ file: "/x" }] }))[0]).toMatch(/this host has no files/);
  });

  test("what a file or variable holds is not shown, wherever it stands", () => {
    const input = { ...minimal, store: { env: "STORE_URL" }, listen: { host: { file: "x" } } };
    const faults = faultsOf(input, { STORE_URL: "hunter2 hunter2" }, () => "hunter2 hunter2");
    expect(faults).toHaveLength(2);
    expect(faults.join()).not.toMatch(/hunter2/);
  });
});

describe("the environment", () => {
  test("sets any field, typed by the schema", () => {
    const config = parseConfig(undefined, {
      MILLRACE_PUBLISHER_DOMAIN: "a.example",
      MILLRACE_PUBLISHER_ORIGIN: "http://127.0.0.1:9000",
      MILLRACE_EC_PASSPHRASES: "the newest passphrase, the older passphrase",
      MILLRACE_EC_READ_EC_HEADER: "false",
      MILLRACE_LISTEN_PORT: "0",
      MILLRACE_LISTEN_HOST: "::",
      MILLRACE_STORE: "memory:",
      MILLRACE_CLIENT_COUNTRY_HEADER: "X-Country",
      MILLRACE_CONSENT_ASSUME_COUNTRY: "de",
      MILLRACE_CONSENT_US_STATES: "",
      MILLRACE_SYNC_MAX_PER_MINUTE_PER_DOMAIN: "60",
      MILLRACE_PARTNERS: '[{"id": "a"}]',
      MILLRACE_LOG: "debug",
      MILLRACE_CONFIG: "config.json",
      PATH: "/bin",
    });
    expect(config).toMatchObject({
      listen: { host: "::", port: 0 },
      store: "memory:",
      publisher: { domain: "a.example", origin: "http://127.0.0.1:9000" },
      client: { countryHeader: "x-country" },
      ec: { passphrases: ["the newest passphrase", "the older passphrase"], readEcHeader: false },
      consent: { assumeCountry: "DE", usStates: [] },
      sync: { maxPerMinutePerDomain: 60 },
      partners: [{ id: "a" }],
    });
  });

  test("overrides the file, field by field, and leaves it as it was", () => {
    const input = { ...minimal, listen: { host: "127.0.0.2", port: 1 }, client: { ipHeader: "x-ip" } };
    const before = structuredClone(input);
    const config = parseConfig(input, {
      MILLRACE_LISTEN_PORT: "2",
      MILLRACE_CLIENT_IP_HEADER: "null",
      MILLRACE_EC_PASSPHRASES: '["one, with a comma"]',
    });
    expect(config.listen).toEqual({ host: "127.0.0.2", port: 2 });
    expect(config.client.ipHeader).toBeNull();
    expect(config.ec.passphrases).toEqual(["one, with a comma"]);
    expect(input).toEqual(before);
  });

  test("a fault names the variable", () => {
    expect(faultsOf(minimal, { MILLRACE_LISTEN_PORT: "http", MILLRACE_EC_READ_EC_HEADER: "1" })).toEqual([
      'listen.port (from MILLRACE_LISTEN_PORT): "http"; a port from 0 to 65535',
      'ec.readEcHeader (from MILLRACE_EC_READ_EC_HEADER): "1"; true or false',
    ]);
  });

  test("a variable that names no field is a fault; what Kubernetes sets for a service is none", () => {
    expect(faultsOf(minimal, { MILLRACE_LISTEN_PROT: "1" })).toEqual([
      "MILLRACE_LISTEN_PROT: no such variable; a field's variable; did you mean MILLRACE_LISTEN_PORT?",
    ]);
    expect(
      faultsOf(minimal, {
        MILLRACE_SERVICE_HOST: "10.0.0.1",
        MILLRACE_SERVICE_PORT_HTTP: "80",
        MILLRACE_PORT: "tcp://10.0.0.1:80",
        MILLRACE_PORT_80_TCP_ADDR: "10.0.0.1",
      }),
    ).toEqual([]);
  });
});

describe("partners", () => {
  const pulling = (pullSyncUrl: string, ...pullSyncAllowedDomains: string[]) => ({
    id: "a",
    pullSyncEnabled: true,
    pullToken: "token",
    pullSyncUrl,
    pullSyncAllowedDomains,
  });

  test("have the documented defaults", () => {
    expect(parseConfig(withPartners({ id: "ssp_1" }), {}).partners).toEqual([
      {
        id: "ssp_1",
        name: "ssp_1",
        allowedReturnDomains: [],
        apiKeyHash: null,
        bidstreamEnabled: false,
        sourceDomain: null,
        openrtbAtype: 3,
        syncRateLimit: 100,
        batchRateLimit: 60,
        pullSyncEnabled: false,
        pullSyncUrl: null,
        pullSyncAllowedDomains: [],
        pullSyncTtlSeconds: 86_400,
        pullSyncRateLimit: 10,
        pullToken: null,
        maxConcurrent: 20,
        maxPerMinute: 1200,
      },
    ]);
  });

  test.each([
    ["https://p.example/pull?a=1", "p.example"],
    ["https://P.example./pull", "p.EXAMPLE"],
    ["https://p.example:8443/pull", "p.example."],
    ["https://1.1.1.1/pull", "1.1.1.1"],
    ["https://[2606:4700:4700::1111]/pull", "[2606:4700:4700::1111]"],
  ])("%s may be pulled with %s allowed", (url, domain) => {
    expect(faultsOf(withPartners(pulling(url, domain)))).toEqual([]);
  });

  test.each([
    ["http://p.example/", /https/],
    ["https://user:pass@p.example/", /pullToken/],
    ["https://sub.p.example/", /pullSyncAllowedDomains/],
    ["https://p.example.evil.example/", /pullSyncAllowedDomains/],
    ["p.example", /absolute/],
    ["https://localhost/", /loopback/],
    ["https://a.localhost/", /loopback/],
    ["https://127.0.0.1/", /loopback/],
    ["https://2130706433/", /loopback/],
    ["https://0x7f.1/", /loopback/],
    ["https://10.0.0.1/", /private/],
    ["https://172.16.0.1/", /private/],
    ["https://192.168.1.1/", /private/],
    ["https://100.64.0.1/", /private/],
    ["https://169.254.169.254/latest/meta-data/", /metadata/],
    ["https://168.63.129.16/", /metadata/],
    ["https://metadata.google.internal/", /metadata/],
    ["https://0.0.0.0/", /private/],
    ["https://[::1]/", /loopback/],
    ["https://[::]/", /private/],
    ["https://[fe80::1]/", /link-local/],
    ["https://[fd00:ec2::254]/", /metadata/],
    ["https://[::ffff:10.0.0.1]/", /private/],
    ["https://[::ffff:127.0.0.1]/", /private/],
    ["https://[64:ff9b::10.0.0.1]/", /private/],
    ["https://[2002:7f00:1::]/", /private/],
  ])("%s may not", (url, reason) => {
    // With its own host allowed, so that only the rule in question is left.
    const own = URL.parse(url)?.hostname;
    const domains = own && !/example/.test(own) ? [own] : ["p.example"];
    const faults = faultsOf(withPartners(pulling(url, ...domains)));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^partners\[0\]\.pullSyncUrl: /);
    expect(faults[0]).toMatch(reason);
  });

  test("plain http and loopback are allowed where the operator says so, other internal addresses not", () => {
    const insecure = (url: string, domain: string) => ({
      ...withEc({ allowInsecurePartners: true }),
      partners: [pulling(url, domain)],
    });
    expect(faultsOf(insecure("http://127.0.0.1:9001/pull", "127.0.0.1"))).toEqual([]);
    expect(faultsOf(insecure("http://localhost:9001/pull", "localhost"))).toEqual([]);
    expect(faultsOf(insecure("http://10.0.0.1/pull", "10.0.0.1"))).toHaveLength(1);
    expect(faultsOf(insecure("http://169.254.169.254/", "169.254.169.254"))).toHaveLength(1);
  });

  test("are sealed: the key is replaced by its hash, and no two have the same", () => {
    const sha256Hex = (text: string) => `${text.length}`.padStart(64, "0");
    const config = parseConfig(
      withPartners(
        { id: "a", apiKey: "a-key-of-the-ssp-partner" },
        { id: "b", apiKeyHash: HASH },
        { id: "c" },
      ),
      {},
    );
    const sealed = sealPartners(config, sha256Hex);
    expect(sealed.map((partner) => partner.apiKeyHash)).toEqual(["24".padStart(64, "0"), HASH, null]);
    expect(JSON.stringify(sealed)).not.toMatch(/a-key-of/);

    const twice = parseConfig(
      withPartners(
        { id: "a", apiKey: "a-key-of-the-ssp-partner" },
        { id: "b", apiKeyHash: "24".padStart(64, "0") },
      ),
      {},
    );
    expect(() => sealPartners(twice, sha256Hex)).toThrow(
      /partners\[1\]\.apiKeyHash: the same as partners\[0\]/,
    );
  });
});

test("the windows' table has the configured size, else the host's", () => {
  const keysOf = (throttle: object) => {
    const { services } = edgeCookie({ ...minimal, store: "memory:", throttle })(() => new Response()).service(
      {} as never,
    );
    return services.hotPath.stats().maxKeys;
  };
  expect(keysOf({ maxKeys: 5000 })).toBe(5000);
  expect(keysOf({})).toBe(1_000_000);
});

test("a start without any source of countries warns", () => {
  expect(configWarnings(parseConfig(minimal, {}))).toEqual([
    expect.stringMatching(/no EC id will be minted/),
  ]);
  expect(configWarnings(parseConfig(withPart({ consent: { assumeCountry: "DE" } }), {}))).toEqual([]);
  const headers = { countryHeader: "cf-ipcountry", regionHeader: "cf-region-code" };
  expect(configWarnings(parseConfig(withPart({ client: headers }), {}))).toEqual([]);
});

// Safe first, section 6: US visitors whose region is never known.
test("a start with a source of countries and none of regions warns, unless no state counts", () => {
  const client = { countryHeader: "cf-ipcountry" };
  expect(configWarnings(parseConfig(withPart({ client }), {}))).toEqual([
    expect.stringMatching(/client\.regionHeader/),
  ]);
  expect(configWarnings(parseConfig(withPart({ client, consent: { usStates: [] } }), {}))).toEqual([]);
});

test("countries are kept under the codes by which requests are read", () => {
  const consent = { gdprCountries: ["uk", "el", "fr"], assumeCountry: "UK" };
  expect(parseConfig(withPart({ consent }), {}).consent).toMatchObject({
    gdprCountries: ["GB", "GR", "FR"],
    assumeCountry: "GB",
  });
});

// Safe first, section 7: "co.uk" is no domain of anybody's.
describe("with the list of public suffixes at hand", () => {
  const domainFault = (domain: string, env = {}) => {
    try {
      parseConfig({ ...minimal, publisher: { domain } }, env, undefined, isPublicSuffix);
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
        "publisher.domain",
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
    "%s is refused as before",
    (domain) => {
      expect(domainFault(domain)).toEqual([
        ["publisher.domain", JSON.stringify(domain), expect.stringContaining("such as example.com")],
      ]);
    },
  );

  test("a program of one's own learns of it from its log", async () => {
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

test("a field that stands twice in a variable's JSON is a fault", () => {
  const faults = faultsOf(minimal, {
    MILLRACE_PARTNERS: '[{"id": "a"}, {"id": "b", "name": "x", "name": "y"}]',
  });
  expect(faults).toEqual(["partners[1].name (from MILLRACE_PARTNERS): given twice; one value"]);
});

test("the codes of countries are those that the platform knows", () => {
  const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
  expect(COUNTRIES.size).toBe(250);
  for (const country of COUNTRIES) expect(names.of(country), country).toBeDefined();
  for (const country of ["UK", "EU", "XX", "T1"]) expect(COUNTRIES.has(country)).toBe(false);
  expect(US_REGIONS.size).toBe(57);
});
