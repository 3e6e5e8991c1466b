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
  ["US: no region", { country: "US" }, true],
  ["elsewhere: no signal needed", { country: "JP" }, true],
  ["elsewhere: GPC does not matter", { country: "BR" }, true, [["sec-gpc", "1"]]],
  ["nowhere: no country, no id", { cookies: [YES] }, false],
];

export const consentScenarios: Scenario[] = [
  {
    name: "consent: who may have an id, by jurisdiction and signal",
    async run(target) {
      for (const [name, visitor, allowed, headers] of CASES) {
        const answer = await target.visit({ ip: freshIp(), ...visitor }, headers ? { headers } : {});
        assert.equal(answer.status, 200, name);
        assert.equal(ecCookieOf(answer) !== null, allowed, name);
      }
    },
  },
];
