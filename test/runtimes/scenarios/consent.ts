import assert from "node:assert/strict";
import { gppString, tcfString } from "../../support/consent-strings.ts";
import { ecCookieOf, type Scenario, type Visitor } from "../target.ts";
import { freshIp } from "./identity.ts";

const DAY_MS = 86_400_000;
const tcf = (purposes: number[], ageDays = 0) =>
  tcfString({ purposes, lastUpdatedMs: Date.now() - ageDays * DAY_MS });
const gpp = (choice: Parameters<typeof gppString>[0]) => gppString(choice);

const YES: [string, string] = ["euconsent-v2", tcf([1])];
const NO: [string, string] = ["euconsent-v2", tcf([2])];

/** Who may have an id: a place, cookies, headers, and the answer. */
const CASES: [string, Visitor, boolean, [string, string][]?][] = [
  ["GDPR: Purpose 1 in euconsent-v2", { country: "DE", cookies: [YES] }, true],
  ["GDPR: no Purpose 1", { country: "DE", cookies: [NO] }, false],
  ["GDPR: no signal", { country: "GB" }, false],
  ["GDPR: Norway is in it", { country: "NO" }, false],
  ["GDPR: lower-case country", { country: "fr" }, false],
  [
    "GDPR: Purpose 1 in GPP",
    {
      country: "FR",
      cookies: [
        ["__gpp", gpp({ tcf: { purposes: [1] } })],
        ["__gpp_sid", "2"],
      ],
    },
    true,
  ],
  [
    "GDPR: GPP refuses what TCF allows",
    { country: "FR", cookies: [YES, ["__gpp", gpp({ tcf: { purposes: [2] } })]] },
    false,
  ],
  [
    "GDPR: TCF refuses what GPP allows",
    { country: "FR", cookies: [NO, ["__gpp", gpp({ tcf: { purposes: [1] } })]] },
    false,
  ],
  ["GDPR: a string of 394 days", { country: "FR", cookies: [["euconsent-v2", tcf([1], 394)]] }, true],
  [
    "GDPR: a string of 397 days is absent",
    { country: "FR", cookies: [["euconsent-v2", tcf([1], 397)]] },
    false,
  ],
  ["GDPR: us_privacy says nothing here", { country: "FR", cookies: [["us_privacy", "1YNN"]] }, false],
  ["US: no signal", { country: "US", region: "CA" }, false],
  [
    "US: us_privacy without opt-out",
    { country: "US", region: "CA", cookies: [["us_privacy", "1YNN"]] },
    true,
  ],
  [
    "US: us_privacy opt-out of sale",
    { country: "US", region: "CA", cookies: [["us_privacy", "1YYN"]] },
    false,
  ],
  ["US: GPC", { country: "US", region: "CA", cookies: [["us_privacy", "1YNN"]] }, false, [["sec-gpc", "1"]]],
  [
    "US: GPP not opted out",
    {
      country: "US",
      region: "VA",
      cookies: [
        ["__gpp", gpp({ saleOptOut: { usnat: 2 } })],
        ["__gpp_sid", "7"],
      ],
    },
    true,
  ],
  [
    "US: GPP opted out",
    {
      country: "US",
      region: "CO",
      cookies: [
        ["__gpp", gpp({ saleOptOut: { usnat: 1 } })],
        ["__gpp_sid", "7"],
      ],
    },
    false,
  ],
  [
    "US: GPP opted out in the state's section",
    {
      country: "US",
      region: "CA",
      cookies: [
        ["__gpp", gpp({ saleOptOut: { usca: 1 } })],
        ["us_privacy", "1YNN"],
      ],
    },
    false,
  ],
  ["US: TCF Purpose 1 comes before GPP", { country: "US", region: "UT", cookies: [YES] }, true],
  [
    "US: TCF without Purpose 1 refuses",
    { country: "US", region: "UT", cookies: [NO, ["us_privacy", "1YNN"]] },
    false,
  ],
  ["US: a state without such a law", { country: "US", region: "NY" }, true],
  // Safe first, section 6.
  ["GDPR: Réunion is in it", { country: "RE" }, false],
  ["GDPR: Martinique, lower case", { country: "mq" }, false],
  ["GDPR: the Åland Islands, with consent", { country: "AX", cookies: [YES] }, true],
  [
    "GDPR: a string made after 28 February 2026 without disclosed vendors is absent",
    { country: "FR", cookies: [["euconsent-v2", tcfString({ purposes: [1], disclosesVendors: false })]] },
    false,
  ],
  [
    "GDPR: the same inside GPP",
    { country: "FR", cookies: [["__gpp", gpp({ tcf: { purposes: [1], disclosesVendors: false } })]] },
    false,
  ],
  [
    "GDPR: a string of the day after tomorrow is absent",
    { country: "FR", cookies: [["euconsent-v2", tcf([1], -2.5)]] },
    false,
  ],
  [
    "GDPR: it does not outrank a refusal",
    { country: "FR", cookies: [["euconsent-v2", tcf([1], -2.5)], NO] },
    false,
  ],
  ["GDPR: us_privacy opts out here, too", { country: "FR", cookies: [YES, ["us_privacy", "1YYN"]] }, false],
  [
    "US: GPP opts out of sharing",
    {
      country: "US",
      region: "CA",
      cookies: [["__gpp", gpp({ saleOptOut: { usnat: 2 }, sharingOptOut: { usnat: 1 } })]],
    },
    false,
  ],
  [
    "US: GPP opts out of targeted advertising",
    {
      country: "US",
      region: "TX",
      cookies: [["__gpp", gpp({ saleOptOut: { ustx: 2 }, targetedAdsOptOut: { ustx: 1 } })]],
    },
    false,
  ],
  ["US: no region, no signal", { country: "US" }, false],
  ["US: no region, us_privacy without opt-out", { country: "US", cookies: [["us_privacy", "1YNN"]] }, true],
  ["US: a region that is none", { country: "US", region: "California" }, false],
  ["US: no region, us_privacy opt-out", { country: "US", cookies: [["us_privacy", "1YYN"]] }, false],
  [
    "US: a state without such a law, us_privacy opt-out",
    { country: "US", region: "NY", cookies: [["us_privacy", "1YYN"]] },
    false,
  ],
  ["elsewhere: no signal needed", { country: "JP" }, true],
  ["elsewhere: GPC opts out", { country: "BR" }, false, [["sec-gpc", "1"]]],
  ["elsewhere: us_privacy opts out", { country: "JP", cookies: [["us_privacy", "1YYN"]] }, false],
  ["nowhere: no country, no id", { cookies: [YES] }, false],
];

export const consentScenarios: Scenario[] = [
  {
    name: "consent: any value of Sec-GPC except 0 is an opt-out",
    async run(target) {
      const forms: [[string, string][], boolean][] = [
        [[["sec-gpc", "?1"]], false],
        [[["sec-gpc", "1;x=1"]], false],
        [
          [
            ["sec-gpc", "1"],
            ["sec-gpc", "1"],
          ],
          false,
        ],
        [[["sec-gpc", "0"]], true],
        [[["sec-gpc", "?0"]], true],
      ];
      for (const [headers, allowed] of forms) {
        const visitor = { ip: freshIp(), country: "US", region: "CA", cookies: [["us_privacy", "1YNN"]] };
        const answer = await target.visit(visitor as Visitor, { headers });
        assert.equal(ecCookieOf(answer) !== null, allowed, JSON.stringify(headers));
      }
    },
  },
  {
    name: "consent: allows an id by jurisdiction and signal",
    async run(target) {
      for (const [name, visitor, allowed, headers] of CASES) {
        const answer = await target.visit({ ip: freshIp(), ...visitor }, headers ? { headers } : {});
        assert.equal(answer.status, 200, name);
        assert.equal(ecCookieOf(answer) !== null, allowed, name);
      }
    },
  },
];
