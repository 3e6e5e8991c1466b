import { describe, expect, test } from "vitest";
import {
  allowsEcCreation,
  type ConsentPolicy,
  DEFAULT_GDPR_COUNTRIES,
  DEFAULT_US_STATES,
  decideConsent,
  isWithdrawal,
} from "../../../../../runtime/ec/request/consent.ts";
import { consentSignals, hasAnySignal, type RawSignals } from "../../../../../runtime/ec/request/signals.ts";
import { POLICY } from "../../../../support/consent-policy.ts";
import { gppString, type TcfChoice, tcfString, US_SECTIONS } from "../../../../support/consent-strings.ts";

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;
const SILENT: RawSignals = { tcf: null, gpp: null, gppSid: null, usPrivacy: null, gpc: false };
const GERMANY = { country: "DE", region: null };
const CALIFORNIA = { country: "US", region: "CA" };

const tcf = (purposes: number[], lastUpdatedMs = NOW - DAY) => tcfString({ purposes, lastUpdatedMs });
const gppTcf = (purposes: number[], lastUpdatedMs = NOW - DAY) => ({ tcf: { purposes, lastUpdatedMs } });
const YES = tcf([1]);
const NO = tcf([2, 3]);
const OLD = NOW - 395 * DAY - 100;

const decide = (signals: RawSignals, client: Client, policy: ConsentPolicy) =>
  decideConsent(consentSignals(signals), client, policy, NOW);

type Client = { country: string | null; region: string | null };

/** The reason, checked to agree with the gate. */
function reason(signals: Partial<RawSignals>, client: Client, policy: Partial<ConsentPolicy> = {}): string {
  const consent = decide({ ...SILENT, ...signals }, client, { ...POLICY, ...policy });
  expect(allowsEcCreation(consent)).toBe(consent.allowed);
  return `${consent.allowed ? "yes" : "no"}: ${consent.reason}`;
}

describe("jurisdiction", () => {
  const jurisdiction = (country: string | null, region: string | null = null, policy = POLICY) =>
    decide(SILENT, { country, region }, policy).jurisdiction;

  test("GDPR holds in the EU's 27, the EEA's other three, the United Kingdom and Gibraltar", () => {
    expect(new Set(DEFAULT_GDPR_COUNTRIES).size).toBe(39);
    for (const country of ["AT", "FR", "SE", "IS", "LI", "NO", "GB", "GI"])
      expect(jurisdiction(country)).toBe("gdpr");
    for (const country of ["CH", "TR", "BR", "NC", "GL"]) expect(jurisdiction(country)).toBe("non-regulated");
  });

  // Safe first, section 6: territories of the Union with codes of their own.
  test.each(["RE", "GP", "MQ", "GF", "YT", "MF", "AX", "re", "FX", "IC", "EA", "XI"])(
    "%s, a part of a country under GDPR, is under GDPR",
    (country) => {
      expect(jurisdiction(country)).toBe("gdpr");
      expect(reason({}, { country, region: null })).toBe("no: no_signal");
    },
  );

  test("twenty states have their own law", () => {
    expect(new Set(DEFAULT_US_STATES).size).toBe(20);
    for (const state of DEFAULT_US_STATES) expect(jurisdiction("US", state)).toBe("us-state");
    for (const state of ["NY", "WA"]) expect(jurisdiction("US", state)).toBe("non-regulated");
    expect(jurisdiction("CA", "TX")).toBe("non-regulated");
  });

  // Safe first, section 6: a US visitor without a readable region falls under the strictest configured state.
  test.each([null, "", "California", "MX-CA", "US-", "?"])(
    "without a readable region (%j) a state's law holds",
    (region) => {
      expect(jurisdiction("US", region)).toBe("us-state");
      expect(reason({}, { country: "US", region })).toBe("no: no_signal");
      expect(reason({ usPrivacy: "1YNN" }, { country: "US", region })).toBe("yes: us_privacy_not_opted_out");
      expect(jurisdiction("US", region, { ...POLICY, usStates: new Set() })).toBe("non-regulated");
    },
  );

  test.each(["CA", "ca", "US-CA", "us-ca"])("the region may be written %s", (region) => {
    expect(jurisdiction("US", region)).toBe("us-state");
    expect(decide(SILENT, { country: "us", region }, POLICY)).toMatchObject(CALIFORNIA);
  });

  test.each(["California", "CA-CA", "MX-CA", "US-", "-CA", "CA ", "C,A"])(
    "%j is no region of the US",
    (region) => {
      expect(decide(SILENT, { country: "US", region }, POLICY).region).toBeNull();
    },
  );

  test.each([
    ["de", "DE"],
    ["De", "DE"],
    ["UK", "GB"],
    ["el", "GR"],
  ])("the country %s is %s", (country, expected) => {
    expect(decide(SILENT, { country, region: null }, POLICY)).toMatchObject({
      country: expected,
      jurisdiction: "gdpr",
    });
  });

  test.each([null, "", "XX", "xx", "ZZ", "T1", "A1", "EU", "AP", "D", "DEU", "Germany", "ÄÖ", " DE", "ß"])(
    "%j is no country",
    (country) => {
      expect(jurisdiction(country)).toBe("unknown");
      expect(reason({ tcf: YES }, { country, region: null })).toBe("no: no_country");
    },
  );

  test("a country may be assumed where none is known, and only there", () => {
    const policy = { ...POLICY, assumeCountry: "FR" };
    expect(jurisdiction(null, null, policy)).toBe("gdpr");
    expect(jurisdiction("XX", null, policy)).toBe("gdpr");
    expect(jurisdiction("BR", null, policy)).toBe("non-regulated");
    expect(decide(SILENT, { country: null, region: null }, policy).country).toBe("FR");
    expect(jurisdiction(null, "CA", { ...POLICY, assumeCountry: "US" })).toBe("us-state");
  });

  test("the operator's lists replace the defaults", () => {
    const policy = { gdprCountries: new Set(["BR"]), usStates: new Set(["WA"]) };
    expect(reason({}, { country: "BR", region: null }, policy)).toBe("no: no_signal");
    expect(reason({}, GERMANY, policy)).toBe("yes: non_regulated");
    expect(reason({}, { country: "US", region: "WA" }, policy)).toBe("no: no_signal");
    expect(reason({}, CALIFORNIA, policy)).toBe("yes: non_regulated");
  });
});

describe("under GDPR", () => {
  test.each<[string, Partial<RawSignals>, string]>([
    ["silence", {}, "no: no_signal"],
    ["TCF with Purpose 1", { tcf: YES }, "yes: tcf_purpose1"],
    ["TCF without Purpose 1", { tcf: NO }, "no: tcf_no_purpose1"],
    ["TCF in GPP with Purpose 1", { gpp: gppString(gppTcf([1])) }, "yes: tcf_purpose1"],
    ["TCF in GPP without Purpose 1", { gpp: gppString(gppTcf([2])) }, "no: tcf_no_purpose1"],
    ["both saying yes", { tcf: YES, gpp: gppString(gppTcf([1])) }, "yes: tcf_purpose1"],
    ["a refusal in the cookie", { tcf: NO, gpp: gppString(gppTcf([1])) }, "no: tcf_no_purpose1"],
    ["a refusal in GPP", { tcf: YES, gpp: gppString(gppTcf([2])) }, "no: tcf_no_purpose1"],
    ["an old string", { tcf: tcf([1], OLD) }, "no: tcf_expired"],
    ["an old string in GPP", { gpp: gppString(gppTcf([1], OLD)) }, "no: tcf_expired"],
    ["a string just young enough", { tcf: tcf([1], NOW - 395 * DAY) }, "yes: tcf_purpose1"],
    ["an old refusal and a new yes", { tcf: YES, gpp: gppString(gppTcf([2], OLD)) }, "yes: tcf_purpose1"],
    [
      "an old yes and a new refusal",
      { tcf: tcf([1], OLD), gpp: gppString(gppTcf([2])) },
      "no: tcf_no_purpose1",
    ],
    ["a string that does not decode", { tcf: YES.slice(0, 30) }, "no: no_usable_signal"],
    ["garbage beside a yes", { tcf: "garbage", gpp: gppString(gppTcf([1])) }, "yes: tcf_purpose1"],
    ["a section not in force", { gpp: gppString(gppTcf([1])), gppSid: "7" }, "no: no_usable_signal"],
    ["a section in force", { gpp: gppString(gppTcf([1])), gppSid: "7,2" }, "yes: tcf_purpose1"],
    ["no section in force", { gpp: gppString(gppTcf([1])), gppSid: "-1" }, "no: no_usable_signal"],
    ["a cookie's yes, no section in force", { tcf: YES, gppSid: "-1" }, "yes: tcf_purpose1"],
    ["a refusal not in force", { tcf: YES, gpp: gppString(gppTcf([2])), gppSid: "7" }, "no: tcf_no_purpose1"],
    ["a list of sections that is none", { gpp: gppString(gppTcf([1])), gppSid: "all" }, "yes: tcf_purpose1"],
    [
      "only signals for the US",
      { gpp: gppString({ saleOptOut: { usnat: 2 } }), usPrivacy: "1YNN" },
      "no: no_usable_signal",
    ],
    ["Global Privacy Control", { tcf: YES, gpc: true }, "no: gpc"],
    ["an opt-out in GPP", { tcf: YES, gpp: gppString({ saleOptOut: { usnat: 1 } }) }, "no: gpp_sale_opt_out"],
    ["an opt-out in us_privacy", { tcf: YES, usPrivacy: "1YYN" }, "no: us_privacy_opt_out"],
  ])("%s", (_, signals, expected) => {
    expect(reason(signals, GERMANY)).toBe(expected);
  });

  test("the age that counts is the operator's", () => {
    expect(reason({ tcf: tcf([1], NOW - 31 * DAY) }, GERMANY, { maxAgeDays: 30 })).toBe("no: tcf_expired");
    expect(reason({ tcf: tcf([1], NOW - 29 * DAY) }, GERMANY, { maxAgeDays: 30 })).toBe("yes: tcf_purpose1");
  });
});

describe("under the law of a US state", () => {
  const sale = (saleOptOut: Record<string, 0 | 1 | 2>, gpc?: boolean) =>
    gppString(gpc === undefined ? { saleOptOut } : { saleOptOut, gpc });
  test.each<[string, Partial<RawSignals>, string]>([
    ["silence", {}, "no: no_signal"],
    [
      "Global Privacy Control against everything",
      { gpc: true, tcf: YES, gpp: sale({ usnat: 2 }), usPrivacy: "1YNN" },
      "no: gpc",
    ],
    [
      "a sale opt-out in GPP",
      { gpp: sale({ usnat: 1 }), tcf: YES, usPrivacy: "1YNN" },
      "no: gpp_sale_opt_out",
    ],
    ["a sale opt-out in one of two sections", { gpp: sale({ usnat: 2, usca: 1 }) }, "no: gpp_sale_opt_out"],
    [
      "a sale opt-out not in force",
      { gpp: sale({ usnat: 2, usca: 1 }), gppSid: "7" },
      "no: gpp_sale_opt_out",
    ],
    ["GPC recorded in GPP", { gpp: sale({ usca: 2 }, true) }, "no: gpp_gpc"],
    ["GPC recorded in GPP as not set", { gpp: sale({ usca: 2 }, false) }, "yes: gpp_not_opted_out"],
    [
      "us_privacy opting out",
      { usPrivacy: "1YYN", tcf: YES, gpp: sale({ usnat: 2 }) },
      "no: us_privacy_opt_out",
    ],
    ["us_privacy in GPP opting out", { gpp: gppString({ usPrivacy: "1YYN" }) }, "no: gpp_sale_opt_out"],
    [
      "us_privacy in GPP against the cookie",
      { gpp: gppString({ usPrivacy: "1YYN" }), usPrivacy: "1YNN" },
      "no: gpp_sale_opt_out",
    ],
    ["TCF with Purpose 1", { tcf: YES }, "yes: tcf_purpose1"],
    [
      "TCF without Purpose 1 before GPP",
      { tcf: NO, gpp: sale({ usnat: 2 }), usPrivacy: "1YNN" },
      "no: tcf_no_purpose1",
    ],
    [
      "TCF in GPP without Purpose 1",
      { gpp: gppString({ ...gppTcf([2]), saleOptOut: { usnat: 2 } }) },
      "no: tcf_no_purpose1",
    ],
    [
      "TCF in GPP not in force",
      { gpp: gppString({ ...gppTcf([1]), saleOptOut: { usnat: 2 } }), gppSid: "7" },
      "yes: gpp_not_opted_out",
    ],
    ["an old TCF refusal", { tcf: tcf([2], OLD), gpp: sale({ usnat: 2 }) }, "yes: gpp_not_opted_out"],
    ["only an old TCF string", { tcf: tcf([1], OLD) }, "no: tcf_expired"],
    ["GPP not opted out", { gpp: sale({ usnat: 2 }) }, "yes: gpp_not_opted_out"],
    [
      "GPP not opted out in force",
      { gpp: sale({ usnat: 2, usca: 0 }), gppSid: "7" },
      "yes: gpp_not_opted_out",
    ],
    [
      "GPP not opted out, not in force",
      { gpp: sale({ usnat: 2, usca: 0 }), gppSid: "8" },
      "no: no_usable_signal",
    ],
    ["GPP where sale is not applicable", { gpp: sale({ usnat: 0 }) }, "no: no_usable_signal"],
    [
      "GPP where sale is not applicable, and us_privacy",
      { gpp: sale({ usnat: 0 }), usPrivacy: "1YNN" },
      "yes: us_privacy_not_opted_out",
    ],
    ["us_privacy not opting out", { usPrivacy: "1YNN" }, "yes: us_privacy_not_opted_out"],
    ["us_privacy not applicable", { usPrivacy: "1---" }, "yes: us_privacy_not_opted_out"],
    ["us_privacy in small letters", { usPrivacy: "1yyn" }, "no: us_privacy_opt_out"],
    ["us_privacy of no known form", { usPrivacy: "2YYN" }, "no: no_usable_signal"],
    [
      "us_privacy in GPP not opting out",
      { gpp: gppString({ usPrivacy: "1YNN" }) },
      "yes: us_privacy_not_opted_out",
    ],
    [
      "us_privacy in GPP for a broken cookie",
      { gpp: gppString({ usPrivacy: "1YNN" }), usPrivacy: "1" },
      "yes: us_privacy_not_opted_out",
    ],
    [
      "us_privacy in GPP not in force",
      { gpp: gppString({ usPrivacy: "1YNN" }), gppSid: "7" },
      "no: no_usable_signal",
    ],
    [
      "us_privacy in GPP in force",
      { gpp: gppString({ usPrivacy: "1YNN" }), gppSid: "6" },
      "yes: us_privacy_not_opted_out",
    ],
    ["garbage everywhere", { tcf: "x", gpp: "y", gppSid: "z", usPrivacy: "?" }, "no: no_usable_signal"],
    ["a GPP string that is half there", { gpp: sale({ usnat: 2 }).slice(0, 12) }, "no: no_usable_signal"],
  ])("%s", (_, signals, expected) => {
    expect(reason(signals, CALIFORNIA)).toBe(expected);
  });
});

test("no consent is needed where no rules apply", () => {
  const signals = { tcf: NO, gpp: gppString({ saleOptOut: { usnat: 2 } }), usPrivacy: "1YNN" };
  for (const country of ["BR", "CH"])
    expect(reason(signals, { country, region: null })).toBe("yes: non_regulated");
  expect(reason(signals, { country: "US", region: "NY" })).toBe("yes: non_regulated");
});

// Safe first, section 6: an explicit opt-out is honoured wherever the visitor is.
describe.each<[string, Client]>([
  ["a country without rules", { country: "JP", region: null }],
  ["a US state without such a law", { country: "US", region: "NY" }],
  ["the US, region unknown", { country: "US", region: null }],
  ["the US, region unreadable", { country: "US", region: "California" }],
  ["no country at all", { country: null, region: null }],
  ["a country under GDPR", GERMANY],
  ["California", CALIFORNIA],
])("in %s", (_, client) => {
  test.each<[string, Partial<RawSignals>, string]>([
    ["Sec-GPC", { gpc: true }, "gpc"],
    ["us_privacy", { usPrivacy: "1YYN" }, "us_privacy_opt_out"],
    ["a US Privacy string in GPP", { gpp: gppString({ usPrivacy: "1YYN" }) }, "gpp_sale_opt_out"],
    ["GPP, sale", { gpp: gppString({ saleOptOut: { usva: 1 } }) }, "gpp_sale_opt_out"],
    ["GPC recorded in GPP", { gpp: gppString({ saleOptOut: { usco: 2 }, gpc: true }) }, "gpp_gpc"],
  ])("%s opts out, whatever else is said", (_name, optOut, code) => {
    expect(reason({ tcf: YES, ...optOut }, client)).toBe(`no: ${code}`);
    expect(reason({ tcf: YES, gppSid: "2", ...optOut }, client)).toBe(`no: ${code}`);
  });
});

// Safe first, section 6: sharing and targeted advertising count as sale does.
describe("the opt-outs of a GPP section", () => {
  test.each(US_SECTIONS.filter((name) => name !== "usca"))("%s: targeted advertising", (name) => {
    const gpp = gppString({ saleOptOut: { [name]: 2 }, targetedAdsOptOut: { [name]: 1 } });
    expect(reason({ gpp }, CALIFORNIA)).toBe("no: gpp_targeted_ads_opt_out");
    const not = gppString({ saleOptOut: { [name]: 2 }, targetedAdsOptOut: { [name]: 2 } });
    expect(reason({ gpp: not }, CALIFORNIA)).toBe("yes: gpp_not_opted_out");
  });

  test.each(["usnat", "usca"])("%s: sharing", (name) => {
    const gpp = gppString({ saleOptOut: { [name]: 2 }, sharingOptOut: { [name]: 1 } });
    expect(reason({ gpp }, CALIFORNIA)).toBe("no: gpp_sharing_opt_out");
  });
});

// Safe first, section 6: TCF 2.3, and strings dated ahead.
describe("a TC string's dates", () => {
  const [LAST_DAY, FIRST_DAY] = [Date.UTC(2026, 2, 1) - 100, Date.UTC(2026, 2, 1)];
  test.each<[string, TcfChoice, string]>([
    ["made before the deadline, without disclosed vendors", { lastUpdatedMs: LAST_DAY }, "yes: tcf_purpose1"],
    ["made after it", { lastUpdatedMs: FIRST_DAY }, "no: tcf_no_disclosed_vendors"],
    [
      "made after it, last updated before",
      { createdMs: FIRST_DAY, lastUpdatedMs: LAST_DAY },
      "no: tcf_no_disclosed_vendors",
    ],
    [
      "made before it, last updated after",
      { createdMs: LAST_DAY, lastUpdatedMs: FIRST_DAY },
      "no: tcf_no_disclosed_vendors",
    ],
    ["made after it, with them", { lastUpdatedMs: FIRST_DAY, disclosesVendors: true }, "yes: tcf_purpose1"],
    ["of tomorrow", { lastUpdatedMs: NOW + DAY, disclosesVendors: true }, "yes: tcf_purpose1"],
    [
      "of more than a day ahead",
      { lastUpdatedMs: NOW + DAY + 100, disclosesVendors: true },
      "no: tcf_future",
    ],
    [
      "made more than a day ahead, last updated now",
      { createdMs: NOW + DAY + 100, lastUpdatedMs: NOW, disclosesVendors: true },
      "no: tcf_future",
    ],
    ["of the year 2187", { lastUpdatedMs: (2 ** 36 - 1) * 100, disclosesVendors: true }, "no: tcf_future"],
  ])("%s", (_, dates, expected) => {
    const choice = { purposes: [1], disclosesVendors: false, ...dates };
    expect(reason({ tcf: tcfString(choice) }, GERMANY)).toBe(expected);
    if (dates.createdMs === undefined)
      expect(reason({ gpp: gppString({ tcf: choice }) }, GERMANY)).toBe(expected);
  });

  test("a refusal that does not count does not outweigh a permission", () => {
    const refusal = tcfString({ purposes: [2], lastUpdatedMs: NOW + 2 * DAY });
    expect(reason({ tcf: refusal, usPrivacy: "1YNN" }, CALIFORNIA)).toBe("yes: us_privacy_not_opted_out");
  });
});

describe("what withdraws", () => {
  const withdraws = (signals: Partial<RawSignals>, client: Client, withdrawal: "any" | "explicit") =>
    isWithdrawal(decide({ ...SILENT, ...signals }, client, { ...POLICY, withdrawal }));
  test.each<[string, Partial<RawSignals>, Client, boolean, boolean]>([
    ["a refusal of Purpose 1", { tcf: NO }, GERMANY, true, true],
    ["GPC", { gpc: true }, CALIFORNIA, true, true],
    ["us_privacy opting out", { usPrivacy: "1YYN" }, CALIFORNIA, true, true],
    ["silence", {}, GERMANY, true, false],
    ["garbage", { tcf: "garbage", gpp: "garbage" }, CALIFORNIA, true, false],
    ["an old string", { tcf: tcf([1], OLD) }, GERMANY, true, false],
    ["no geography", {}, { country: null, region: null }, false, false],
    ["no geography, and GPC", { gpc: true }, { country: null, region: null }, true, true],
    ["no geography, and a refusal by TCF", { tcf: NO }, { country: null, region: null }, false, false],
  ])("%s", (_, signals, client, any, explicit) => {
    expect([withdraws(signals, client, "any"), withdraws(signals, client, "explicit")]).toEqual([
      any,
      explicit,
    ]);
  });
});

test("signals may be percent-encoded, once", () => {
  const encoded = { gpp: gppString({ saleOptOut: { usnat: 2 } }).replace("~", "%7E"), gppSid: "7%2C8" };
  expect(reason(encoded, CALIFORNIA)).toBe("yes: gpp_not_opted_out");
  expect(reason({ gpp: gppString(gppTcf([1])), gppSid: "7%2C8" }, GERMANY)).toBe("no: no_usable_signal");
  expect(reason({ usPrivacy: "1Y%59N" }, CALIFORNIA)).toBe("no: us_privacy_opt_out");
  expect(reason({ usPrivacy: "1Y%2559N" }, CALIFORNIA)).toBe("no: no_usable_signal");
  for (const usPrivacy of ["1YNN%", "%E0%A4%A", "%"]) {
    expect(reason({ usPrivacy }, CALIFORNIA)).toBe("no: no_usable_signal");
  }
});

test("a signal that is too long or empty is absent and not kept", () => {
  const padded = (length: number) => YES + "A".repeat(length - YES.length);
  expect(reason({ tcf: padded(16_384) }, GERMANY)).toBe("yes: tcf_purpose1");
  expect(reason({ tcf: padded(16_385) }, GERMANY)).toBe("no: no_signal");
  const long = "x".repeat(16_385);
  const signals = { tcf: long, gpp: "DBAA", gppSid: long, usPrivacy: "", gpc: false };
  expect(decide(signals, GERMANY, POLICY).signals.raw).toEqual({ ...SILENT, gpp: "DBAA" });
});

test("a string that does not decode is kept as it came", () => {
  const signals = { tcf: "garbage", gpp: "%7E", gppSid: "?", usPrivacy: "1", gpc: true };
  expect(decide(signals, GERMANY, POLICY).signals.raw).toEqual(signals);
});

test("hasAnySignal is true for any signal, readable or not", () => {
  expect(hasAnySignal(consentSignals(SILENT))).toBe(false);
  expect(hasAnySignal(consentSignals({ ...SILENT, gppSid: "7" }))).toBe(false);
  expect(hasAnySignal(consentSignals({ ...SILENT, tcf: "" }))).toBe(false);
  expect(hasAnySignal(consentSignals({ ...SILENT, tcf: "x".repeat(16_385) }))).toBe(false);
  for (const signals of [{ tcf: "x" }, { gpp: "x" }, { usPrivacy: "x" }, { gpc: true }]) {
    expect(hasAnySignal(consentSignals({ ...SILENT, ...signals }))).toBe(true);
  }
});
