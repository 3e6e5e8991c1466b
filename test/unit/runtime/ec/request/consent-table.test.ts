/**
 * Safe first, section 6: the whole finite space of jurisdictions and signals, and of what comes twice, against the table of
 * the documentation written down once more, in terms of what a visitor said rather than of strings.
 */
import { describe, expect, test } from "vitest";
import { allowsEcCreation, decideConsent } from "../../../../../runtime/ec/request/consent.ts";
import { readCookies } from "../../../../../runtime/ec/request/cookie.ts";
import { readConsentSignals, SIGNAL_COOKIES } from "../../../../../runtime/ec/request/signals.ts";
import { POLICY } from "../../../../support/consent-policy.ts";
import { gppString, type TcfChoice, tcfString } from "../../../../support/consent-strings.ts";

const NOW = Date.UTC(2026, 10, 27);
const DAY = 86_400_000;

const PLACES = {
  "under GDPR": { country: "RE", region: null, rules: "gdpr" },
  "in California": { country: "US", region: "US-CA", rules: "us" },
  "in the US, region unknown": { country: "us", region: null, rules: "us" },
  "in New York": { country: "US", region: "NY", rules: "none" },
  elsewhere: { country: "JP", region: "13", rules: "none" },
  nowhere: { country: "XX", region: "CA", rules: "unknown" },
} as const;
type Rules = (typeof PLACES)[keyof typeof PLACES]["rules"];

/** What a TC string says, and whether it counts. */
const TCF_CHOICES = {
  permits: { purposes: [1], lastUpdatedMs: NOW - 30 * DAY },
  refuses: { purposes: [2], lastUpdatedMs: NOW - 30 * DAY },
  "permits, newer": { purposes: [1], lastUpdatedMs: NOW - DAY },
  "refuses, newer": { purposes: [2], lastUpdatedMs: NOW - DAY },
  "permits, before TCF 2.3": { purposes: [1], lastUpdatedMs: Date.UTC(2026, 1, 28), disclosesVendors: false },
  "permits, expired": { purposes: [1], lastUpdatedMs: NOW - 396 * DAY },
  "refuses, expired": { purposes: [2], lastUpdatedMs: NOW - 396 * DAY },
  "permits, future": { purposes: [1], lastUpdatedMs: NOW + 2 * DAY },
  "refuses, future": { purposes: [2], lastUpdatedMs: NOW + 2 * DAY },
  "permits, no disclosed vendors": {
    purposes: [1],
    lastUpdatedMs: Date.UTC(2026, 2, 1),
    disclosesVendors: false,
  },
  "refuses, no disclosed vendors": { purposes: [2], lastUpdatedMs: NOW - DAY, disclosesVendors: false },
} satisfies Record<string, TcfChoice>;
type TcfName = keyof typeof TCF_CHOICES;
type TcfState = "absent" | "unreadable" | TcfName;

const TCF: Record<TcfState, string | null> = {
  absent: null,
  unreadable: "CP-unreadable",
  ...(Object.fromEntries(
    Object.entries(TCF_CHOICES).map(([name, choice]) => [name, tcfString(choice)]),
  ) as Record<TcfName, string>),
};

const countsOf = (state: TcfState): "yes" | "no" | null => {
  if (state === "absent" || state === "unreadable" || /expired|future|no disclosed/.test(state)) return null;
  return state.startsWith("permits") ? "yes" : "no";
};
const timeOf = (state: TcfState): number => TCF_CHOICES[state as TcfName].lastUpdatedMs;

const tcfIn = (name: TcfName) => gppString({ tcf: TCF_CHOICES[name] });
const GPP = {
  absent: null,
  unreadable: "DB-unreadable~",
  empty: "DBAA",
  "TCF permits": tcfIn("permits"),
  "TCF refuses": tcfIn("refuses"),
  "TCF expired": tcfIn("permits, expired"),
  "TCF future": tcfIn("refuses, future"),
  "TCF undisclosed": tcfIn("permits, no disclosed vendors"),
  "sale not applicable": gppString({ saleOptOut: { usnat: 0 } }),
  "not opted out": gppString({
    saleOptOut: { usnat: 2 },
    sharingOptOut: { usnat: 2 },
    targetedAdsOptOut: { usnat: 2 },
  }),
  "opts out of sale": gppString({ saleOptOut: { usnat: 1 } }),
  "opts out of sharing": gppString({ saleOptOut: { usnat: 2 }, sharingOptOut: { usnat: 1 } }),
  "opts out of targeted ads": gppString({ saleOptOut: { ustx: 2 }, targetedAdsOptOut: { ustx: 1 } }),
  "records GPC": gppString({ saleOptOut: { usca: 2 }, gpc: true }),
  "US Privacy, no opt-out": gppString({ usPrivacy: "1YNN" }),
  "US Privacy, opts out": gppString({ usPrivacy: "1YYN" }),
} as const;
type GppState = keyof typeof GPP;

const SECTIONS = {
  absent: null,
  unreadable: "all",
  "all in force": "2,6,7,8,16",
  "none in force": "-1",
} as const;
type SectionsState = keyof typeof SECTIONS;
const US_PRIVACY = {
  absent: null,
  unreadable: "2YYN",
  "no opt-out": "1YNN",
  "not applicable": "1---",
  "opts out": "1YYN",
} as const;
type UsPrivacyState = keyof typeof US_PRIVACY;
const SEC_GPC = {
  absent: null,
  off: "0",
  "off, as a structured field": "?0",
  on: "1",
  "on, twice": "1, 1",
  "on, oddly": "?1;x=1",
} as const;
type GpcState = keyof typeof SEC_GPC;

interface Said {
  tcf: TcfState;
  gpp: GppState;
  sections: SectionsState;
  usPrivacy: UsPrivacyState;
  gpc: GpcState;
}
const SILENT: Said = { tcf: "absent", gpp: "absent", sections: "absent", usPrivacy: "absent", gpc: "absent" };

const isOptOut = (gpp: GppState) => gpp.includes("opts out") || gpp === "records GPC";

/** The table of the documentation. */
function mayHaveAnId(rules: Rules, { tcf, gpp, sections, usPrivacy, gpc }: Said): boolean {
  const areInForce = sections !== "none in force";
  if (gpc.startsWith("on") || isOptOut(gpp) || usPrivacy === "opts out") return false;
  if (rules === "unknown") return false;
  if (rules === "none") return true;
  if (countsOf(tcf) === "no" || gpp === "TCF refuses") return false;
  if (countsOf(tcf) === "yes" || (gpp === "TCF permits" && areInForce)) return true;
  if (rules === "gdpr") return false;
  if ((gpp === "not opted out" || gpp === "US Privacy, no opt-out") && areInForce) return true;
  return usPrivacy === "no opt-out" || usPrivacy === "not applicable";
}

type Cookies = [name: string, value: string | null][];

/** What is decided on a request with these cookies, in this order. */
function decided(place: keyof typeof PLACES, cookies: Cookies, secGpc: string | null = null): boolean {
  const header = cookies.flatMap(([name, value]) => (value === null ? [] : [`${name}=${value}`])).join("; ");
  const signals = readConsentSignals(readCookies(header, SIGNAL_COOKIES), secGpc, {
    nowMs: NOW,
    maxAgeDays: 395,
  });
  return allowsEcCreation(decideConsent(signals, PLACES[place], POLICY, NOW));
}

const cookiesOf = ({ tcf, gpp, sections, usPrivacy }: Said): Cookies => [
  ["euconsent-v2", TCF[tcf]],
  ["__gpp", GPP[gpp]],
  ["__gpp_sid", SECTIONS[sections]],
  ["us_privacy", US_PRIVACY[usPrivacy]],
];

const keys = <T extends object>(object: T) => Object.keys(object) as (keyof T)[];
const places = keys(PLACES);

describe.each(places)("%s", (place) => {
  const { rules } = PLACES[place];

  test("every combination of signals is decided by the table", () => {
    const wrong: Said[] = [];
    let count = 0;
    for (const tcf of keys(TCF))
      for (const gpp of keys(GPP))
        for (const sections of keys(SECTIONS))
          for (const usPrivacy of keys(US_PRIVACY))
            for (const gpc of keys(SEC_GPC)) {
              const said = { tcf, gpp, sections, usPrivacy, gpc };
              count++;
              if (decided(place, cookiesOf(said), SEC_GPC[gpc]) !== mayHaveAnId(rules, said))
                wrong.push(said);
            }
    expect(wrong).toEqual([]);
    expect(count).toBe(13 * 16 * 4 * 5 * 6);
  });

  test("of two TC strings the newest that counts is taken, whatever their order and wherever they stand", () => {
    const wrong: unknown[] = [];
    for (const first of keys(TCF))
      for (const second of keys(TCF))
        for (const gpp of ["absent", "TCF permits", "TCF refuses", "not opted out"] as const)
          for (const usPrivacy of ["absent", "no opt-out"] as const) {
            const counting = [first, second].filter((state) => countsOf(state) !== null);
            counting.sort((a, b) => timeOf(b) - timeOf(a) || (countsOf(a) === "no" ? -1 : 1));
            const expected = mayHaveAnId(rules, { ...SILENT, gpp, usPrivacy, tcf: counting[0] ?? "absent" });
            const others: Cookies = [
              ["__gpp", GPP[gpp]],
              ["us_privacy", US_PRIVACY[usPrivacy]],
            ];
            const [a, b]: Cookies = [
              ["euconsent-v2", TCF[first]],
              ["euconsent-v2", TCF[second]],
            ];
            for (const cookies of [
              [a!, b!, ...others],
              [a!, ...others, b!],
              [...others, a!, b!],
            ]) {
              if (decided(place, cookies) !== expected) wrong.push({ first, second, gpp, usPrivacy });
            }
          }
    expect(wrong).toEqual([]);
  });

  test("of two GPP strings a refusal counts, and one that says nothing hides none that does", () => {
    const silent: GppState[] = [
      "absent",
      "unreadable",
      "empty",
      "TCF expired",
      "TCF future",
      "TCF undisclosed",
    ];
    const wrong: unknown[] = [];
    for (const first of keys(GPP))
      for (const second of keys(GPP))
        for (const sections of keys(SECTIONS)) {
          const pair: Cookies = [
            ["__gpp", GPP[first]],
            ["__gpp", GPP[second]],
            ["__gpp_sid", SECTIONS[sections]],
          ];
          const [a, b] = [first, second].map((gpp) => mayHaveAnId(rules, { ...SILENT, gpp, sections }));
          const is = decided(place, pair);
          const refused =
            isOptOut(first) ||
            isOptOut(second) ||
            (rules !== "none" && [first, second].includes("TCF refuses"));
          const isRight =
            is === decided(place, [pair[1]!, pair[0]!, pair[2]!]) &&
            (!refused || !is) &&
            (!is || a || b) &&
            (!silent.includes(first) || is === b) &&
            (!silent.includes(second) || is === a);
          if (!isRight) wrong.push({ first, second, sections, is });
        }
    expect(wrong).toEqual([]);
  });

  test("of two US Privacy strings or lists of sections the stricter counts, whatever their order", () => {
    const wrong: unknown[] = [];
    for (const first of keys(US_PRIVACY))
      for (const second of keys(US_PRIVACY)) {
        const either = [first, second];
        const usPrivacy = either.includes("opts out")
          ? "opts out"
          : (either.find((state) => state !== "absent" && state !== "unreadable") ?? "absent");
        const cookies: Cookies = [
          ["us_privacy", US_PRIVACY[first]],
          ["us_privacy", US_PRIVACY[second]],
        ];
        if (decided(place, cookies) !== mayHaveAnId(rules, { ...SILENT, usPrivacy })) wrong.push(either);
      }
    for (const gpp of keys(GPP))
      for (const first of keys(SECTIONS))
        for (const second of keys(SECTIONS)) {
          const sections = [first, second].includes("none in force") ? "none in force" : "all in force";
          const cookies: Cookies = [
            ["__gpp_sid", SECTIONS[first]],
            ["__gpp", GPP[gpp]],
            ["__gpp_sid", SECTIONS[second]],
          ];
          if (decided(place, cookies) !== mayHaveAnId(rules, { ...SILENT, gpp, sections }))
            wrong.push([gpp, first, second]);
        }
    expect(wrong).toEqual([]);
  });
});

test("three TC strings in every order: the newest that counts", () => {
  const wrong: unknown[] = [];
  const states = keys(TCF).filter((state) => state !== "absent");
  for (const a of states)
    for (const b of states)
      for (const c of states) {
        const counting = [a, b, c].filter((state) => countsOf(state) !== null);
        counting.sort((x, y) => timeOf(y) - timeOf(x) || (countsOf(x) === "no" ? -1 : 1));
        const expected = mayHaveAnId("gdpr", { ...SILENT, tcf: counting[0] ?? "absent" });
        const cookies: Cookies = [a, b, c].map((state) => ["euconsent-v2", TCF[state]]);
        if (decided("under GDPR", cookies) !== expected) wrong.push([a, b, c]);
      }
  expect(wrong).toEqual([]);
});
