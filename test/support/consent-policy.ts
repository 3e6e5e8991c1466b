import {
  type ConsentPolicy,
  DEFAULT_GDPR_COUNTRIES,
  DEFAULT_US_STATES,
} from "../../runtime/ec/request/consent.ts";

/** The policy of a configuration without consent settings. */
export const POLICY: ConsentPolicy = {
  gdprCountries: new Set(DEFAULT_GDPR_COUNTRIES),
  usStates: new Set(DEFAULT_US_STATES),
  maxAgeDays: 395,
  assumeCountry: null,
  withdrawal: "any",
  vendorless: null,
};
