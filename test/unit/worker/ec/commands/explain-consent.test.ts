import { expect, test } from "vitest";
import { explainConsent } from "../../../../../worker/ec/commands/explain-consent.ts";
import { POLICY } from "../../../../support/consent-policy.ts";
import { gppString, tcfString } from "../../../../support/consent-strings.ts";

const NOW = Date.UTC(2026, 10, 27);
const NONE = { tcf: null, gpp: null, gppSid: null, usPrivacy: null, gpc: false };
const PARTNERS = [
  { name: "five", gvlId: 5 },
  { name: "six", gvlId: 6 },
  { name: "none", gvlId: null },
];

const explain = (country: string | null, signals: object) =>
  Object.fromEntries(
    explainConsent({ country, region: null, nowMs: NOW, signals: { ...NONE, ...signals } }, POLICY, PARTNERS),
  );

test("every step of a permission is named, and every partner is decided on", () => {
  expect(explain("fr", { tcf: tcfString({ lastUpdatedMs: NOW, restricted: [2] }) })).toEqual({
    place: "FR: jurisdiction gdpr",
    "Sec-GPC": "off",
    __gpp: "absent",
    us_privacy: "absent",
    __gpp_sid: "absent",
    "euconsent-v2": "of 2026-11-27, Purpose 1: yes, with disclosed vendors; counts",
    "TCF in __gpp": "absent",
    decision: "an id is allowed: tcf_purpose1",
    "an id that exists": "stays",
    "partner five": "gets the id: vendor_consent",
    "partner six": "does not get the id: vendor_no_consent",
    "partner none": "does not get the id: vendorless_denied",
  });
});

test.each<[string, string | null, object, Record<string, string>]>([
  [
    "an expired string",
    "FR",
    { tcf: tcfString({ lastUpdatedMs: NOW - 400 * 86_400_000 }) },
    { decision: "no id: tcf_expired", "an id that exists": "is withdrawn" },
  ],
  [
    "a broken string",
    "FR",
    { tcf: "C-broken" },
    { "euconsent-v2": "does not decode, and counts as absent", decision: "no id: no_usable_signal" },
  ],
  ["no country", null, {}, { decision: "no id: no_country", "an id that exists": "stays, and is not shown" }],
  [
    "an opt-out in GPP",
    "JP",
    { gpp: gppString({ saleOptOut: { usnat: 1 } }) },
    {
      __gpp: "opt-out: gpp_sale_opt_out",
      decision: "no id: gpp_sale_opt_out",
      "partner five": "does not get the id: no_ec",
    },
  ],
])("%s", (_name, country, signals, expected) => {
  expect(explain(country, signals)).toMatchObject(expected);
});
