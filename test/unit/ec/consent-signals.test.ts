import { expect, test } from "vitest";
import { readCookies } from "../../../runtime/ec/cookie.ts";
import { readSignals, SIGNAL_COOKIES } from "../../../runtime/ec/signals.ts";
import { gppString, tcfString } from "../../support/consent-strings.ts";

const read = (header: string | null, secGpc: string | null = null) =>
  readSignals(readCookies(header, SIGNAL_COOKIES), secGpc);

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 5, 1);
const tcf = (purposes: number[], daysAgo: number) =>
  tcfString({ purposes, lastUpdatedMs: NOW - daysAgo * DAY });
const gpp = (saleOptOut: Record<string, 0 | 1 | 2>) => gppString({ saleOptOut });

test("a request without cookies says nothing", () => {
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

test.each([null, "", "0", "true", "1, 1"])("Sec-GPC: %j does not set it", (value) => {
  expect(read(null, value).gpc).toBe(false);
});

test("of several TC strings the newest counts; of two as new, the refusal", () => {
  const newest = tcf([1], 1);
  expect(read(`euconsent-v2=${tcf([2], 2)}; euconsent-v2=${newest}; euconsent-v2=${tcf([2], 3)}`).tcf).toBe(
    newest,
  );
  const refusal = tcf([2], 1);
  expect(read(`euconsent-v2=${newest}; euconsent-v2=${refusal}`).tcf).toBe(refusal);
  expect(read(`euconsent-v2=${refusal}; euconsent-v2=${newest}`).tcf).toBe(refusal);
});

test("of several GPP and US Privacy strings a refusal counts, wherever it stands", () => {
  const [yes, no] = [gpp({ usnat: 2 }), gpp({ usca: 1 })];
  const refusals = [
    no,
    gppString({ usPrivacy: "1YYN" }),
    gppString({ tcf: { purposes: [2] } }),
    gppString({ saleOptOut: { usca: 2 }, gpc: true }),
  ];
  for (const refusal of refusals) {
    expect(read(`__gpp=${yes}; __gpp=${refusal}`).gpp).toBe(refusal);
    expect(read(`__gpp=${refusal}; __gpp=${yes}`).gpp).toBe(refusal);
  }
  expect(read("us_privacy=1YNN; us_privacy=1YYN; us_privacy=1---").usPrivacy).toBe("1YYN");
});

test("a malformed duplicate hides nothing, in whatever order", () => {
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
