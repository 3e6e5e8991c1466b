import { expect, test } from "vitest";
import { COUNTRIES, US_REGIONS } from "../../../../worker/ec/codes.ts";

test("the codes of countries are those that the platform knows", () => {
  const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
  expect(COUNTRIES.size).toBe(250);
  for (const country of COUNTRIES) expect(names.of(country), country).toBeDefined();
  for (const country of ["UK", "EU", "XX", "T1"]) expect(COUNTRIES.has(country)).toBe(false);
  expect(US_REGIONS.size).toBe(57);
});
