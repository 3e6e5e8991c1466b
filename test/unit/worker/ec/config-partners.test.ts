import { describe, expect, test } from "vitest";
import { parseConfig, sealPartners } from "../../../../worker/ec/config.ts";
import { faultLines } from "../config/fault-lines.ts";

const HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const minimal = { publisher: { domain: "millrace.localhost" }, passphrases: ["publisher-chosen-secret"] };
const withPart = (part: object) => ({ ...structuredClone(minimal), ...part });
const withPartners = (...partners: unknown[]) => withPart({ partners });
const faultsOf = (input: unknown) => faultLines(() => parseConfig(input));

describe("partners", () => {
  const pulling = (pullSyncUrl: string, ...pullSyncAllowedDomains: string[]) => ({
    id: "a",
    pullSyncEnabled: true,
    pullToken: "token",
    pullSyncUrl,
    pullSyncAllowedDomains,
  });

  test("have the documented defaults", () => {
    expect(parseConfig(withPartners({ id: "ssp_1" })).partners).toEqual([
      {
        id: "ssp_1",
        name: "ssp_1",
        allowedReturnDomains: [],
        apiKeyHash: null,
        previousApiKeyHash: null,
        gvlId: null,
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
        pixelUrl: null,
        pullSendIp: true,
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
      ...withPart({ allowInsecurePartners: true }),
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
    );
    const sealed = sealPartners(config, sha256Hex);
    expect(sealed.map((partner) => partner.apiKeyHash)).toEqual(["24".padStart(64, "0"), HASH, null]);
    expect(JSON.stringify(sealed)).not.toMatch(/a-key-of/);

    const twice = parseConfig(
      withPartners(
        { id: "a", apiKey: "a-key-of-the-ssp-partner" },
        { id: "b", apiKeyHash: "24".padStart(64, "0") },
      ),
    );
    expect(() => sealPartners(twice, sha256Hex)).toThrow(
      /partners\[1\]\.apiKeyHash: the same as partners\[0\]/,
    );
  });
});
