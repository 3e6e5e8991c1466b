import {
  PurposeRestriction,
  RestrictionType,
  Segment,
  SegmentEncoder,
  type TCModel,
  TCString,
} from "@iabtechlabtcf/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readTcf, type TcfFacts, vendorPurpose1 } from "../../runtime/ec/request/tcf.ts";
import { bitsOf, fromBits, tcfCoreBits, toBits } from "../support/bit-strings.ts";
import { tcfModel } from "../support/consent-strings.ts";
import { damage } from "../support/mutate.ts";
import { slowTcf, type TcfFault } from "../support/slow-tcf.ts";

/** What the library of the IAB reads; `null` if it throws. */
function libraryTcf(text: string): TcfFacts | null {
  let model: TCModel;
  try {
    model = TCString.decode(text);
  } catch {
    return null;
  }
  return {
    purpose1: model.purposeConsents.has(1),
    createdMs: model.created?.getTime(),
    lastUpdatedMs: model.lastUpdated?.getTime(),
    // The library drops a segment that lists no vendor.
    disclosesVendors: text.split(".").some((segment) => toBits(segment).startsWith("001")),
    core: text.split(".")[0]!,
  };
}

/**
 * Strings that are absent for this reader but not for the library. The library also reads version 1 of the format, which is
 * invalid since 2020; a string without a core segment, or with it in any position; vendor ranges that end before they begin; and
 * restrictions without purpose, type or vendor, as long as they have no effect.
 */
const STRICTER: ReadonlySet<TcfFault> = new Set([
  "version",
  "segments",
  "run backwards",
  "vendor 0",
  "restriction for nothing",
]);

const seen = { accepted: 0, refusedByBoth: 0, stricter: new Set<TcfFault>() };

const VENDORS = [1, 2, 3, 5, 17, 59, 60, 61, 300, 755, 1499, 1500, 1501, 65_535];
const verdicts = new Set<string>();

/** Compares what a string says of some vendors. `model` is what the library reads. */
function compareVendors(facts: TcfFacts, model: TCModel): void {
  const restricted = model.publisherRestrictions
    .getRestrictions()
    .flatMap((each) => model.publisherRestrictions.getVendors(each).slice(0, 8));
  const consenting = [...model.vendorConsents].filter(([, has]) => has).map(([id]) => id);
  for (const vendor of [...VENDORS, ...restricted, ...consenting.slice(0, 5)]) {
    const excludes = model.publisherRestrictions
      .getRestrictions(vendor)
      .some(
        ({ purposeId, restrictionType }) =>
          purposeId === 1 && restrictionType !== RestrictionType.REQUIRE_CONSENT,
      );
    const consented = excludes ? "vendor_restricted" : "vendor_consent";
    const expected = model.vendorConsents.has(vendor) ? consented : "vendor_no_consent";
    expect([vendor, vendorPurpose1(facts, vendor)]).toEqual([vendor, expected]);
    verdicts.add(expected);
  }
}

/** Compares the three readers on one text. */
function compare(text: string): void {
  const ours = readTcf(text);
  const slow = slowTcf(text);
  const library = libraryTcf(text);
  if (typeof slow === "string") expect(ours).toBeNull();
  else expect(ours).toEqual(slow);

  if (library === null) {
    seen.refusedByBoth++;
    expect(ours).toBeNull();
  } else if (ours === null) {
    seen.stricter.add(slow as TcfFault);
    expect(STRICTER).toContain(slow);
  } else {
    seen.accepted++;
    expect(ours).toEqual(library);
    compareVendors(ours, TCString.decode(text));
  }
}

const id = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 60 }) },
  fc.integer({ min: 1, max: 1500 }),
);
const dense = fc
  .tuple(id, fc.integer({ min: 1, max: 300 }))
  .map(([from, count]) => Array.from({ length: count }, (_, index) => from + index));
const vendors = fc.oneof(fc.array(id, { maxLength: 30 }), dense);
const purposes = fc.uniqueArray(fc.integer({ min: 1, max: 24 }), { maxLength: 24 });
const deciseconds = fc.integer({ min: 0, max: 2 ** 36 - 1 });
const restriction = fc.record({
  purpose: fc.constantFrom(1, 2, 3, 7),
  type: fc.constantFrom(0, 1, 2),
  vendors: fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 8 }),
});
const OTHERS = [Segment.VENDORS_DISCLOSED, Segment.VENDORS_ALLOWED, Segment.PUBLISHER_TC];

/** TC strings from the encoder of the library, with random fields. */
const sound = fc
  .record({
    cmpId: fc.integer({ min: 2, max: 4095 }),
    created: deciseconds,
    lastUpdated: deciseconds,
    screen: fc.integer({ min: 0, max: 63 }),
    isServiceSpecific: fc.boolean(),
    purposeOneTreatment: fc.boolean(),
    country: fc.constantFrom("DE", "AA", "ZZ", "fr"),
    purposes,
    legitimateInterests: purposes,
    vendorConsents: vendors,
    vendorLegitimateInterests: vendors,
    vendorsDisclosed: vendors,
    vendorsAllowed: vendors,
    restrictions: fc.array(restriction, { maxLength: 4 }),
    publisherConsents: purposes,
    customPurposes: fc.integer({ min: 0, max: 63 }),
    segments: fc.shuffledSubarray(OTHERS),
  })
  .map((fields) => {
    const model = tcfModel();
    model.cmpId = fields.cmpId;
    model.created = new Date(fields.created * 100);
    model.lastUpdated = new Date(fields.lastUpdated * 100);
    model.consentScreen = fields.screen;
    model.isServiceSpecific = fields.isServiceSpecific;
    model.purposeOneTreatment = fields.purposeOneTreatment;
    model.publisherCountryCode = fields.country;
    model.purposeConsents.set(fields.purposes);
    model.purposeLegitimateInterests.set(fields.legitimateInterests);
    model.vendorConsents.set(fields.vendorConsents);
    model.vendorLegitimateInterests.set(fields.vendorLegitimateInterests);
    model.vendorsDisclosed.set(fields.vendorsDisclosed);
    model.vendorsAllowed.set(fields.vendorsAllowed);
    model.publisherConsents.set(fields.publisherConsents);
    model.numCustomPurposes = fields.customPurposes;
    for (const { purpose, type, vendors } of fields.restrictions) {
      for (const vendor of vendors)
        model.publisherRestrictions.add(vendor, new PurposeRestriction(purpose, type));
    }
    const segments = [Segment.CORE, ...fields.segments];
    const text = segments.map((segment) => SegmentEncoder.encode(model, segment)).join(".");
    const facts = {
      purpose1: fields.purposes.includes(1),
      createdMs: fields.created * 100,
      lastUpdatedMs: fields.lastUpdated * 100,
      disclosesVendors: fields.segments.includes(Segment.VENDORS_DISCLOSED),
      core: text.split(".")[0]!,
    };
    return { text, facts };
  });

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Core segments composed by hand, valid and invalid, which no encoder writes. */
const nearly = (() => {
  const number = (bits: number) =>
    fc.integer({ min: 0, max: 2 ** bits - 1 }).map((value) => bitsOf(value, bits));
  const small = fc.integer({ min: 0, max: 9 }).map((value) => bitsOf(value, 16));
  const entry = fc.oneof(
    small.map((vendor) => `0${vendor}`),
    fc.tuple(small, small).map(([first, last]) => `1${first}${last}`),
  );
  const ranges = fc
    .tuple(fc.array(entry, { maxLength: 3 }), fc.constantFrom(0, 0, 0, 0, 1))
    .map(([entries, more]) => bitsOf(entries.length + more, 12) + entries.join(""));
  const someVendors = fc.oneof(
    fc.constant("0".repeat(17)),
    fc.tuple(small, ranges).map(([highest, list]) => `${highest}1${list}`),
    fc.integer({ min: 0, max: 40 }).map((count) => `${bitsOf(count, 16)}0${"01".repeat(20).slice(0, count)}`),
  );
  const someRestriction = fc
    .tuple(fc.integer({ min: 0, max: 11 }), number(2), ranges)
    .map(([purpose, type, list]) => bitsOf(purpose, 6) + type + list);
  const restrictions = fc
    .array(someRestriction, { maxLength: 2 })
    .map((entries) => bitsOf(entries.length, 12) + entries.join(""));
  const core = fc
    .record({
      version: fc.constantFrom(2, 2, 2, 2, 2, 2, 0, 1, 3),
      cmpId: fc.constantFrom(31, 31, 31, 31, 0, 1, 2),
      purposes: number(24),
      country: fc.oneof(fc.constant(bitsOf(0, 12)), number(12)),
    })
    .map(tcfCoreBits);
  const other = fc.oneof(
    fc.tuple(fc.constantFrom("001", "010"), someVendors).map((parts) => parts.join("")),
    fc.integer({ min: 0, max: 70 }).map((count) => `011${"0".repeat(count)}`),
    fc
      .tuple(fc.constant(`011${"0".repeat(48)}`), number(6), fc.constant("1".repeat(30)))
      .map((parts) => parts.join("")),
    number(7),
  );
  return fc
    .tuple(
      core,
      someVendors,
      someVendors,
      restrictions,
      fc.array(other, { maxLength: 2 }),
      fc.nat({ max: 9 }),
    )
    .map(([start, consents, interests, list, others, order]) => {
      const segments = [start + consents + interests + list, ...others].map(fromBits);
      return (order === 0 ? segments.reverse() : segments).join(".");
    });
})();

describe("the reader of TC strings agrees with the library of the IAB", () => {
  test("on strings that the library writes", () => {
    fc.assert(
      fc.property(sound, ({ text, facts }) => {
        expect(readTcf(text)).toEqual(facts);
        expect(libraryTcf(text)).toEqual(facts);
        compare(text);
      }),
      { numRuns: 5000 },
    );
    expect([...verdicts].sort()).toEqual(["vendor_consent", "vendor_no_consent", "vendor_restricted"]);
  });

  test("on damaged strings that the library wrote", () => {
    seen.accepted = seen.refusedByBoth = 0;
    fc.assert(
      fc.property(
        sound,
        fc.array(damage(`${DIGITS}....=+ é`), { minLength: 4, maxLength: 4 }),
        ({ text }, damages) => {
          for (const spoil of damages) compare(spoil(text));
        },
      ),
      { numRuns: 2500 },
    );
    expect(seen.accepted).toBeGreaterThan(1000);
    expect(seen.refusedByBoth).toBeGreaterThan(1000);
  });

  test("on nearly valid strings", () => {
    seen.accepted = seen.refusedByBoth = 0;
    seen.stricter.clear();
    fc.assert(fc.property(nearly, compare), { numRuns: 30_000 });
    expect(seen.accepted).toBeGreaterThan(500);
    expect(seen.refusedByBoth).toBeGreaterThan(500);
    expect(seen.stricter).toEqual(STRICTER);
  });

  test("on random text", () => {
    const noise = fc.string({ unit: fc.constantFrom(...DIGITS, "."), maxLength: 90 });
    fc.assert(
      fc.property(
        noise,
        fc.constantFrom("", "C", "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAA"),
        (text, start) => {
          compare(start + text);
        },
      ),
      { numRuns: 5000 },
    );
  });

  test("and no text makes it throw", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        compare(text);
      }),
      { numRuns: 5000 },
    );
  });
});
