import { expect, test } from "vitest";
import { composeConfig } from "../../../../worker/config/compose.ts";
import { edgeCookieSection } from "../../../../worker/ec/config.ts";
import { faultLines } from "./fault-lines.ts";

const minimal = {
  edgeCookie: { publisher: { domain: "a.example" }, passphrases: ["publisher-chosen-secret"] },
};
const read = (input: unknown, env: Record<string, string>) =>
  composeConfig([edgeCookieSection], input, { env });
const faultsOf = (env: Record<string, string>) => faultLines(() => read(minimal, env));

test("variables set any field, and the schema says which type they have", () => {
  const config = read(undefined, {
    MILLRACE_LISTEN_PORT: "0",
    MILLRACE_LISTEN_HOST: "::",
    MILLRACE_CLIENT_COUNTRY_HEADER: "X-Country",
    MILLRACE_LOG_LEVEL: "warn",
    MILLRACE_EDGE_COOKIE_PUBLISHER_DOMAIN: "a.example",
    MILLRACE_EDGE_COOKIE_PUBLISHER_ORIGIN: "http://127.0.0.1:9000",
    MILLRACE_EDGE_COOKIE_PASSPHRASES: "the newest passphrase, the older passphrase",
    MILLRACE_EDGE_COOKIE_READ_EC_HEADER: "false",
    MILLRACE_EDGE_COOKIE_STORE: "memory:",
    MILLRACE_EDGE_COOKIE_CONSENT_ASSUME_COUNTRY: "de",
    MILLRACE_EDGE_COOKIE_CONSENT_US_STATES: "",
    MILLRACE_EDGE_COOKIE_SYNC_MAX_PER_MINUTE_PER_DOMAIN: "60",
    MILLRACE_EDGE_COOKIE_PARTNERS: '[{"id": "a"}]',
    MILLRACE_LOG: "debug",
    MILLRACE_CONFIG: "config.json",
    PATH: "/bin",
  });
  expect(config.shared).toMatchObject({
    listen: { host: "::", port: 0 },
    client: { countryHeader: "x-country" },
    log: { level: "warn" },
  });
  expect(config.section(edgeCookieSection)).toMatchObject({
    store: "memory:",
    publisher: { domain: "a.example", origin: "http://127.0.0.1:9000" },
    passphrases: ["the newest passphrase", "the older passphrase"],
    readEcHeader: false,
    consent: { assumeCountry: "DE", usStates: [] },
    sync: { maxPerMinutePerDomain: 60 },
    partners: [{ id: "a" }],
  });
});

test("variables override the file field by field, and do not change what was read", () => {
  const input = { ...minimal, listen: { host: "127.0.0.2", port: 1 }, client: { ipHeader: "x-ip" } };
  const before = structuredClone(input);
  const config = read(input, {
    MILLRACE_LISTEN_PORT: "2",
    MILLRACE_CLIENT_IP_HEADER: "null",
    MILLRACE_EDGE_COOKIE_PASSPHRASES: '["one, with a comma"]',
  });
  expect(config.shared.listen).toEqual({ host: "127.0.0.2", port: 2 });
  expect(config.shared.client.ipHeader).toBeNull();
  expect(config.section(edgeCookieSection)!.passphrases).toEqual(["one, with a comma"]);
  expect(input).toEqual(before);
});

test("a fault names the variable", () => {
  expect(faultsOf({ MILLRACE_LISTEN_PORT: "http", MILLRACE_EDGE_COOKIE_READ_EC_HEADER: "1" })).toEqual([
    'listen.port (from MILLRACE_LISTEN_PORT): "http"; a port from 0 to 65535',
    'edgeCookie.readEcHeader (from MILLRACE_EDGE_COOKIE_READ_EC_HEADER): "1"; true or false',
  ]);
});

test("a variable that names no field is a fault, and one that Kubernetes sets for a service is not", () => {
  expect(faultsOf({ MILLRACE_LISTEN_PROT: "1" })).toEqual([
    "MILLRACE_LISTEN_PROT: no such variable; a field's variable; did you mean MILLRACE_LISTEN_PORT?",
  ]);
  expect(
    faultsOf({
      MILLRACE_SERVICE_HOST: "10.0.0.1",
      MILLRACE_SERVICE_PORT_HTTP: "80",
      MILLRACE_PORT: "tcp://10.0.0.1:80",
      MILLRACE_PORT_80_TCP_ADDR: "10.0.0.1",
    }),
  ).toEqual([]);
});

test("a field that appears twice in a variable's JSON is a fault", () => {
  const partners = '[{"id": "a"}, {"id": "b", "name": "x", "name": "y"}]';
  expect(faultsOf({ MILLRACE_EDGE_COOKIE_PARTNERS: partners })).toEqual([
    "edgeCookie.partners[1].name (from MILLRACE_EDGE_COOKIE_PARTNERS): given twice; one value",
  ]);
});
