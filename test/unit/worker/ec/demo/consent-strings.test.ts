import { GppModel } from "@iabgpp/cmpapi";
import { TCString } from "@iabtechlabtcf/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readTcf, tcfInvalidity } from "../../../../../runtime/ec/request/tcf.ts";
import {
  isGranted,
  tcString,
  usNationalString,
  usPrivacyString,
  VENDORS,
} from "../../../../../worker/ec/demo/site/consent-strings.js";

const idsIn = (vendors: { values(): IterableIterator<number> }) => vendors.values();
const NOW_MS = Date.UTC(2026, 10, 20, 14, 3, 9, 512);

describe("the TC string that the demonstration's banner writes", () => {
  it.each([true, false])("says granted: %s of every purpose, as the IAB's library reads it", (granted) => {
    const written = tcString({ granted, country: "FR", nowMs: NOW_MS });
    expect(isGranted(written)).toBe(granted);
    const read = TCString.decode(written);
    expect(read.version).toBe(2);
    for (let purpose = 1; purpose <= 11; purpose++) expect(read.purposeConsents.has(purpose)).toBe(granted);
    for (let purpose = 12; purpose <= 24; purpose++) expect(read.purposeConsents.has(purpose)).toBe(false);
    expect(read.purposeLegitimateInterests.size).toBe(0);
    expect(read.publisherCountryCode).toBe("FR");
    expect(read.consentLanguage).toBe("EN");
    expect(read.isServiceSpecific).toBe(true);
    expect(read.policyVersion).toBe(5);
    expect([...idsIn(read.vendorConsents)]).toEqual(granted ? VENDORS : []);
  });

  it.each([true, false])(
    "counts after 28 February 2026: it discloses the vendors (granted: %s)",
    (granted) => {
      const written = tcString({ granted, country: "FR", nowMs: NOW_MS });
      expect([...idsIn(TCString.decode(written).vendorsDisclosed)]).toEqual(VENDORS);
      const facts = readTcf(written)!;
      expect(facts).toMatchObject({ purpose1: granted, disclosesVendors: true });
      expect(tcfInvalidity(facts, NOW_MS, 395)).toBeNull();
    },
  );

  it("has the day of the choice as its creation and update time", () => {
    const read = TCString.decode(tcString({ granted: true, country: "DE", nowMs: NOW_MS }));
    expect(read.created).toEqual(new Date(Date.UTC(2026, 10, 20)));
    expect(read.lastUpdated).toEqual(read.created);
  });

  it("encodes any country and any day", () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Z]{2}$/),
        fc.integer({ min: Date.UTC(2020), max: Date.UTC(2100) }),
        (country, nowMs) => {
          const read = TCString.decode(tcString({ granted: true, country, nowMs }));
          expect(read.publisherCountryCode).toBe(country);
          expect(read.created.getTime()).toBe(nowMs - (nowMs % 86_400_000));
        },
      ),
    );
  });
});

describe("the GPP string that the demonstration's banner writes", () => {
  it.each([
    [true, false],
    [true, true],
    [false, false],
    [false, true],
  ])("opted out: %s, GPC: %s, is what the IAB's library writes of the same choice", (optedOut, gpc) => {
    const model = new GppModel();
    const fields: Record<string, number | boolean> = {
      SharingNotice: 1,
      SaleOptOutNotice: 1,
      SharingOptOutNotice: 1,
      TargetedAdvertisingOptOutNotice: 1,
      SaleOptOut: optedOut ? 1 : 2,
      SharingOptOut: optedOut ? 1 : 2,
      TargetedAdvertisingOptOut: optedOut ? 1 : 2,
      MspaCoveredTransaction: 2,
      Gpc: gpc,
    };
    for (const [name, value] of Object.entries(fields)) model.setFieldValue("usnat", name, value);
    expect(usNationalString({ optedOut, gpc })).toBe(model.encode());
  });

  it("decodes to a choice about sale in section 7", () => {
    const read = new GppModel(usNationalString({ optedOut: true, gpc: true }));
    expect(read.getSectionIds()).toEqual([7]);
    expect(read.getFieldValue("usnat", "SaleOptOut")).toBe(1);
    expect(read.getFieldValue("usnat", "Gpc")).toBe(true);
  });
});

it("writes US Privacy strings", () => {
  expect(usPrivacyString({ optedOut: true })).toBe("1YYN");
  expect(usPrivacyString({ optedOut: false })).toBe("1YNN");
});
