import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ConsentSignals, decideConsent, hasAnySignal } from "../../runtime/ec/request/consent.ts";
import { readCookies } from "../../runtime/ec/request/cookie.ts";
import { readSignals, SIGNAL_COOKIES } from "../../runtime/ec/request/signals.ts";
import { bitsOf, fibonacciBits, fromBits, NO_VENDORS, tcfCoreBits } from "../support/bit-strings.ts";
import { POLICY } from "../support/consent-policy.ts";
import { gppString, type TcfChoice, tcfString, US_SECTIONS } from "../support/consent-strings.ts";
import { countLooks } from "../support/count-looks.ts";

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;

/** The choices of a visitor, before encoding. */
interface Choices {
  tcf: TcfState;
  gppTcf: TcfState;
  /** The values of each section for the United States; a section without the field omits it. */
  sales: [section: number, sale: Choice, sharing: Choice, targetedAds: Choice][];
  gppGpc: boolean;
  gppUsPrivacy: UsPrivacyState;
  isGppBroken: boolean;
  /** Sections in force; `null`: not given. */
  inForce: number[] | null;
  usPrivacy: UsPrivacyState;
  gpc: boolean;
}
type Choice = 0 | 1 | 2;
type TcfState = "none" | "yes" | "no" | "old yes" | "old no";
type UsPrivacyState = "none" | "Y" | "N" | "-";

/** The table of jurisdictions, in terms of choices. */
function expected(choices: Choices, jurisdiction: string): boolean {
  const gpp = choices.isGppBroken
    ? { gppTcf: "none", sales: [], gppGpc: false, gppUsPrivacy: "none" }
    : choices;
  const applies = (section: number) => choices.inForce === null || choices.inForce.includes(section);

  const hasGpcSection = gpp.sales.some(([section]) => ![9, 11, 13, 25, 26, 27].includes(section));
  const optsOut = gpp.sales.some(
    ([section, sale, sharing, targetedAds]) =>
      sale === 1 || (sharing === 1 && section <= 8) || (targetedAds === 1 && section !== 8),
  );
  if (choices.gpc || (gpp.gppGpc && hasGpcSection) || optsOut) return false;
  if (choices.usPrivacy === "Y" || gpp.gppUsPrivacy === "Y") return false;
  if (jurisdiction === "unknown") return false;
  if (jurisdiction === "non-regulated") return true;

  const refusesPurpose1 = choices.tcf === "no" || gpp.gppTcf === "no";
  const grantsPurpose1 = choices.tcf === "yes" || (gpp.gppTcf === "yes" && applies(2));
  if (jurisdiction === "gdpr") return grantsPurpose1 && !refusesPurpose1;

  if (refusesPurpose1) return false;
  if (grantsPurpose1) return true;
  if (gpp.sales.some(([section, value]) => value === 2 && applies(section))) return true;
  return choices.usPrivacy !== "none" || (gpp.gppUsPrivacy !== "none" && applies(6));
}

function tcfChoice(purposes: number[], daysAgo: number): TcfChoice {
  return { purposes, lastUpdatedMs: NOW - daysAgo * DAY };
}

const TCF_CHOICES: Record<Exclude<TcfState, "none">, TcfChoice> = {
  yes: tcfChoice([1, 2], 30),
  no: tcfChoice([2], 30),
  "old yes": tcfChoice([1], 396),
  "old no": tcfChoice([2], 400),
};
/** Created once, because the library is slow. */
const TCF_STRINGS = new Map(Object.entries(TCF_CHOICES).map(([state, choice]) => [state, tcfString(choice)]));

const nameOf = (section: number) => US_SECTIONS[section - 7]!;

/** The same choices as a browser sends them. */
function write(choices: Choices): ConsentSignals {
  const { tcf, gppTcf, sales, gppGpc, gppUsPrivacy, isGppBroken, inForce, usPrivacy, gpc } = choices;
  const gpp = gppString({
    ...(gppTcf === "none" ? {} : { tcf: TCF_CHOICES[gppTcf] }),
    ...(gppUsPrivacy === "none" ? {} : { usPrivacy: `1Y${gppUsPrivacy}N` }),
    saleOptOut: Object.fromEntries(sales.map(([section, sale]) => [nameOf(section), sale])),
    sharingOptOut: Object.fromEntries(
      sales.flatMap(([section, , sharing]) => (section <= 8 ? [[nameOf(section), sharing]] : [])),
    ),
    targetedAdsOptOut: Object.fromEntries(
      sales.flatMap(([section, , , targetedAds]) => (section === 8 ? [] : [[nameOf(section), targetedAds]])),
    ),
    gpc: gppGpc,
  });
  return {
    tcf: TCF_STRINGS.get(tcf) ?? null,
    gpp: isGppBroken ? `${gpp}~` : gpp,
    gppSid: inForce === null ? null : inForce.join(","),
    usPrivacy: usPrivacy === "none" ? null : `1N${usPrivacy}Y`,
    gpc,
  };
}

const tcfState = fc.constantFrom<TcfState>("none", "none", "yes", "yes", "no", "old yes", "old no");
const usPrivacyState = fc.constantFrom<UsPrivacyState>("none", "none", "N", "-", "Y");
const section = fc.integer({ min: 7, max: 27 });
const optOut = fc.constantFrom<Choice>(0, 0, 0, 2, 2, 2, 1);
const rarely = fc.nat({ max: 7 }).map((value) => value === 0);
const choices: fc.Arbitrary<Choices> = fc.record({
  tcf: tcfState,
  gppTcf: tcfState,
  sales: fc.uniqueArray(fc.tuple(section, optOut, optOut, optOut), {
    selector: ([id]) => id,
    maxLength: 3,
  }),
  gppGpc: rarely,
  gppUsPrivacy: usPrivacyState,
  isGppBroken: rarely,
  inForce: fc.option(
    fc.uniqueArray(fc.oneof(section, fc.constantFrom(2, 6)), { minLength: 1, maxLength: 8 }),
  ),
  usPrivacy: usPrivacyState,
  gpc: rarely,
});
const place = fc.constantFrom(
  { country: "DE", region: null, jurisdiction: "gdpr" },
  { country: "gb", region: "ENG", jurisdiction: "gdpr" },
  { country: "US", region: "CA", jurisdiction: "us-state" },
  { country: "US", region: "us-ri", jurisdiction: "us-state" },
  { country: "US", region: null, jurisdiction: "us-state" },
  { country: "RE", region: null, jurisdiction: "gdpr" },
  { country: "US", region: "NY", jurisdiction: "non-regulated" },
  { country: "JP", region: "13", jurisdiction: "non-regulated" },
  { country: null, region: "CA", jurisdiction: "unknown" },
);

describe("decideConsent", () => {
  test("decides as the table says for every choice and place", () => {
    const counts = new Map<string, number>();
    fc.assert(
      fc.property(choices, place, (chosen, { jurisdiction, ...client }) => {
        const signals = write(chosen);
        const consent = decideConsent(signals, client, POLICY, NOW);
        expect(consent).toMatchObject({ jurisdiction, allowed: expected(chosen, jurisdiction), signals });
        const encoded = (text: string | null) => text && encodeURIComponent(text).replaceAll("~", "%7E");
        const { tcf, gpp, gppSid, usPrivacy, gpc } = signals;
        const again = { tcf: encoded(tcf), gpp: encoded(gpp), gppSid: encoded(gppSid), usPrivacy, gpc };
        expect(decideConsent(again, client, POLICY, NOW).reason).toBe(consent.reason);
        counts.set(consent.reason, (counts.get(consent.reason) ?? 0) + 1);
      }),
      { numRuns: 20_000 },
    );
    // Every reason occurred except the one for no signal: there is always a GPP string here.
    expect([...counts.keys()].sort()).toEqual([
      ...["gpc", "gpp_gpc", "gpp_not_opted_out", "gpp_sale_opt_out", "gpp_sharing_opt_out"],
      ...["gpp_targeted_ads_opt_out", "no_country", "no_usable_signal"],
      ...["non_regulated", "tcf_expired", "tcf_no_purpose1", "tcf_purpose1"],
      ...["us_privacy_not_opted_out", "us_privacy_opt_out"],
    ]);
  });

  test("adding a refusal never turns a no into a yes", () => {
    const refusals: ((chosen: Choices) => Choices)[] = [
      (chosen) => ({ ...chosen, gpc: true }),
      (chosen) => ({ ...chosen, gppGpc: true }),
      (chosen) => ({ ...chosen, tcf: "no" }),
      (chosen) => ({ ...chosen, gppTcf: "no" }),
      (chosen) => ({ ...chosen, usPrivacy: "Y" }),
      (chosen) => ({ ...chosen, gppUsPrivacy: "Y" }),
      (chosen) => ({ ...chosen, sales: [[7, 1, 0, 0], ...chosen.sales.filter(([id]) => id !== 7)] }),
      (chosen) => ({ ...chosen, sales: [[7, 2, 1, 2], ...chosen.sales.filter(([id]) => id !== 7)] }),
      (chosen) => ({ ...chosen, sales: [[7, 2, 2, 1], ...chosen.sales.filter(([id]) => id !== 7)] }),
    ];
    fc.assert(
      fc.property(choices, place, fc.constantFrom(...refusals), (chosen, client, refuse) => {
        const isAllowed = (some: Choices) => decideConsent(write(some), client, POLICY, NOW).allowed;
        if (isAllowed(refuse(chosen))) expect(isAllowed(chosen)).toBe(true);
      }),
      { numRuns: 8000 },
    );
  });

  test("no input makes it throw, and no random text is a yes", () => {
    const noise = fc.option(
      fc.oneof(
        fc.string({ unit: "binary", maxLength: 60 }),
        fc.string({ maxLength: 30 }),
        fc.constantFrom("%", "DB", "DBAA~", "1YNN%", "~".repeat(20_000), ".".repeat(16_384)),
      ),
    );
    const code = fc.option(
      fc.oneof(fc.string({ unit: "binary", maxLength: 8 }), fc.constantFrom("US", "DE", "CA")),
    );
    const signals = fc.record({ tcf: noise, gpp: noise, gppSid: noise, usPrivacy: noise, gpc: fc.boolean() });
    fc.assert(
      fc.property(signals, code, code, (sent, country, region) => {
        const consent = decideConsent(sent, { country, region }, POLICY, NOW);
        expect(consent.allowed).toBe(consent.jurisdiction === "non-regulated" && !sent.gpc);
        expect(typeof hasAnySignal(sent)).toBe("boolean");
      }),
      { numRuns: 10_000 },
    );
  });

  test("no cookie header makes it throw", () => {
    const pair = fc
      .tuple(fc.constantFrom(...SIGNAL_COOKIES), fc.string({ maxLength: 20 }))
      .map((parts) => parts.join("="));
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 20 }), (pairs) => {
        const at = { nowMs: NOW, maxAgeDays: POLICY.maxAgeDays };
        const signals = readSignals(readCookies(pairs.join(";"), SIGNAL_COOKIES), "1", at);
        expect(decideConsent(signals, { country: "US", region: "CA" }, POLICY, NOW).reason).toBe("gpc");
      }),
      { numRuns: 3000 },
    );
  });
});

describe("the work for a hostile string", () => {
  const header = (...bits: string[]) => fromBits(bitsOf(3, 6) + bitsOf(1, 6) + bits.join(""));
  const ranges = (count: number, bits: string) =>
    `${bitsOf(9, 16)}1${bitsOf(count, 12)}${bits.repeat(count)}`;
  const everyVendor = `1${bitsOf(1, 16)}${bitsOf(65_535, 16)}`;
  const restriction = `${bitsOf(2, 6)}01${bitsOf(1, 12)}${everyVendor}`;
  test.each<[string, Partial<ConsentSignals>]>([
    ["thousands of runs of all vendors", { tcf: fromBits(tcfCoreBits() + ranges(2500, everyVendor)) }],
    ["thousands of single vendors", { tcf: fromBits(tcfCoreBits() + ranges(4095, `0${bitsOf(1, 16)}`)) }],
    [
      "thousands of restrictions",
      {
        tcf: fromBits(tcfCoreBits() + NO_VENDORS + NO_VENDORS + bitsOf(1700, 12) + restriction.repeat(1700)),
      },
    ],
    ["thousands of segments", { tcf: `${tcfString()}${".IAAA".repeat(3200)}` }],
    ["a header that lists billions of sections", { gpp: "DBAB4AAAAAG" }],
    [
      "a header that lists a million sections",
      { gpp: `${header(bitsOf(1, 12), `1${fibonacciBits(1)}${fibonacciBits(1_000_000)}`)}~A` },
    ],
    [
      "thousands of runs in a header",
      { gpp: header(bitsOf(4095, 12), `1${fibonacciBits(1)}${fibonacciBits(1)}`.repeat(4095)) },
    ],
    ["a header of zeros", { gpp: header(bitsOf(4095, 12), "0".repeat(90_000)) }],
    ["thousands of sections", { gpp: `DBABrw${"~BAgAAAAAAAAA".repeat(1200)}` }],
    ["thousands of tildes", { gpp: `DBAA${"~".repeat(16_000)}` }],
    ["thousands of percent signs", { gpp: "%41".repeat(5400), tcf: "%".repeat(16_000) }],
    ["thousands of sections in force", { gpp: "DBAA", gppSid: "7,".repeat(8000) }],
  ])("%s: a few looks at each character at most", (_, sent) => {
    const signals = { tcf: null, gpp: null, gppSid: null, usPrivacy: null, gpc: false, ...sent };
    const length = Math.max(...Object.values(sent).map((text) => String(text).length));
    expect(length).toBeLessThanOrEqual(16_384);
    const looks = countLooks(() => decideConsent(signals, { country: "DE", region: null }, POLICY, NOW));
    expect(looks).toBeLessThan(16_384 * 8);
  });
});
