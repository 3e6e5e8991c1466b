import { expect, test } from "vitest";
import { readCookies } from "../../../../../runtime/ec/request/cookie.ts";
import { readConsentSignals, SIGNAL_COOKIES } from "../../../../../runtime/ec/request/signals.ts";
import { gppString, tcfString } from "../../../../support/consent-strings.ts";

const read = (header: string | null, secGpc: string | null = null) =>
  readConsentSignals(readCookies(header, SIGNAL_COOKIES), secGpc, { nowMs: NOW, maxAgeDays: 395 }).raw;

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 5, 1);
const tcf = (purposes: number[], daysAgo: number) =>
  tcfString({ purposes, lastUpdatedMs: NOW - daysAgo * DAY });
const gpp = (saleOptOut: Record<string, 0 | 1 | 2>) => gppString({ saleOptOut });

test("a request without cookies has no signals", () => {
  expect(read(null)).toEqual({ tcf: null, gpp: null, gppSid: null, usPrivacy: null, gpc: false });
});

test("each signal comes from its cookie, undecoded", () => {
  expect(read("euconsent-v2=a; __gpp=b%7E; __gpp_sid=7%2C8; us_privacy=1YNN", "1")).toEqual({
    tcf: "a",
    gpp: "b%7E",
    gppSid: "7%2C8",
    usPrivacy: "1YNN",
    gpc: true,
  });
});

// Safe first, section 6: a present Sec-GPC that is not plainly off is on.
test.each([null, "0", "?0", " 0 ", "0, 0", "?0, 0"])("Sec-GPC: %j does not set it", (value) => {
  expect(read(null, value).gpc).toBe(false);
});

test.each(["1", "1, 1", "?1", "1;x=1", "0, 1", "1, 0", "true", "yes", "", "0;x=1", "00", "2"])(
  "Sec-GPC: %j sets it",
  (value) => {
    expect(read(null, value).gpc).toBe(true);
  },
);

test("Sec-GPC on two lines sets it if either is on", () => {
  const headers = new Headers([
    ["sec-gpc", "1"],
    ["sec-gpc", "1"],
  ]);
  expect(read(null, headers.get("sec-gpc")).gpc).toBe(true);
});

test("the newest of several TC strings counts; of two equally new ones, the refusal", () => {
  const newest = tcf([1], 1);
  expect(read(`euconsent-v2=${tcf([2], 2)}; euconsent-v2=${newest}; euconsent-v2=${tcf([2], 3)}`).tcf).toBe(
    newest,
  );
  const refusal = tcf([2], 1);
  expect(read(`euconsent-v2=${newest}; euconsent-v2=${refusal}`).tcf).toBe(refusal);
  expect(read(`euconsent-v2=${refusal}; euconsent-v2=${newest}`).tcf).toBe(refusal);
});

// Safe first, section 6: a string that does not count never outranks a refusal that does.
test.each<[string, string]>([
  ["dated two days ahead", tcf([1], -2)],
  ["that is too old", tcf([1], 400)],
  [
    "without disclosed vendors",
    tcfString({ purposes: [1], lastUpdatedMs: NOW - DAY / 2, disclosesVendors: false }),
  ],
  ["that does not decode", "C".repeat(60)],
])("a TC string %s hides neither a refusal nor a consent, in either order", (_, text) => {
  for (const other of [tcf([2], 30), tcf([1], 30)]) {
    expect(read(`euconsent-v2=${text}; euconsent-v2=${other}`).tcf).toBe(other);
    expect(read(`euconsent-v2=${other}; euconsent-v2=${text}`).tcf).toBe(other);
  }
});

test("a GPP string whose TC string does not count hides no other GPP string", () => {
  const future = gppString({ tcf: { purposes: [2], lastUpdatedMs: NOW + 2 * DAY } });
  for (const other of [gpp({ usnat: 1 }), gpp({ usnat: 2 })]) {
    expect(read(`__gpp=${future}; __gpp=${other}`).gpp).toBe(other);
    expect(read(`__gpp=${other}; __gpp=${future}`).gpp).toBe(other);
  }
});

test("a GPP opt-out, which counts everywhere, goes before a refusal of Purpose 1", () => {
  const refusal = gppString({ tcf: { purposes: [2], lastUpdatedMs: NOW - DAY } });
  const optOut = gpp({ usnat: 1 });
  expect(read(`__gpp=${refusal}; __gpp=${optOut}`).gpp).toBe(optOut);
  expect(read(`__gpp=${optOut}; __gpp=${refusal}`).gpp).toBe(optOut);
});

test("the shortest of several lists of sections counts", () => {
  for (const [a, b, fewest] of [
    ["7,8", "7", "7"],
    ["-1", "7", "-1"],
    ["2", "0", "0"],
    ["garbage", "7,8", "7,8"],
  ] as const) {
    expect(read(`__gpp_sid=${a}; __gpp_sid=${b}`).gppSid).toBe(fewest);
    expect(read(`__gpp_sid=${b}; __gpp_sid=${a}`).gppSid).toBe(fewest);
  }
});

test("a refusal among several GPP or US Privacy strings counts, in any order", () => {
  const [yes, no] = [gpp({ usnat: 2 }), gpp({ usca: 1 })];
  const refusals = [
    no,
    gppString({ usPrivacy: "1YYN" }),
    gppString({ tcf: { purposes: [2], lastUpdatedMs: NOW - DAY } }),
    gppString({ saleOptOut: { usca: 2 }, gpc: true }),
    gppString({ saleOptOut: { usnat: 2 }, sharingOptOut: { usnat: 1 } }),
    gppString({ saleOptOut: { ustx: 2 }, targetedAdsOptOut: { ustx: 1 } }),
  ];
  for (const refusal of refusals) {
    expect(read(`__gpp=${yes}; __gpp=${refusal}`).gpp).toBe(refusal);
    expect(read(`__gpp=${refusal}; __gpp=${yes}`).gpp).toBe(refusal);
  }
  expect(read("us_privacy=1YNN; us_privacy=1YYN; us_privacy=1---").usPrivacy).toBe("1YYN");
});

test("a malformed duplicate hides no valid value, in any order", () => {
  const sound = {
    "euconsent-v2": tcf([1], 1),
    __gpp: gpp({ usnat: 2 }),
    __gpp_sid: "7%2C8",
    us_privacy: "1YNN",
  };
  const expected = {
    tcf: sound["euconsent-v2"],
    gpp: sound.__gpp,
    gppSid: "7%2C8",
    usPrivacy: "1YNN",
    gpc: false,
  };
  for (const broken of ["", "garbage", "%", "x".repeat(15_000)]) {
    const good = Object.entries(sound).map(([name, value]) => `${name}=${value}`);
    const bad = Object.keys(sound).map((name) => `${name}=${broken}`);
    expect(read([...bad, ...good].join("; "))).toEqual(expected);
    expect(read([...good, ...bad].join("; "))).toEqual(expected);
  }
});

test("the first of several malformed values is kept", () => {
  expect(read("us_privacy=first; us_privacy=second").usPrivacy).toBe("first");
});
