import { GppModel } from "@iabgpp/cmpapi";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type GppFacts, readGpp } from "../../runtime/ec/request/gpp.ts";
import { fibonacciBits, fromBits, gppHeader } from "../support/bit-strings.ts";
import { US_SECTIONS } from "../support/consent-strings.ts";
import { damage } from "../support/mutate.ts";
import { slowTcf } from "../support/slow-tcf.ts";
import { DIGITS, type Fields, type LibrarySection, libraryGpp, listIds, SECTIONS } from "./gpp-library.ts";

/** The smallest number whose Fibonacci code, including its final 1, has 33 bits. */
const FIRST_OF_33_BITS = 3_524_578;

const seen = { read: 0, absentForBoth: 0, differences: new Set<string>() };

function forget(): void {
  Object.assign(seen, { read: 0, absentForBoth: 0, differences: new Set() });
}

/** Valid sections of the two kinds that the library always decodes: the European TCF and the Canadian. */
const SOUND = new Map([
  [2, "CAAAAAAAAAAAAAAfABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
  [5, "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
]);

/** A string with these sections replaced by valid ones, so that the library can read the others. */
function mend(text: string, ids: readonly number[], mended: readonly number[]): string {
  const [header, ...sections] = text.split("~");
  const isMended = (index: number) => mended.includes(ids[index]!) && sections[index]!.trim() !== "";
  return [
    header,
    ...sections.map((section, index) => (isMended(index) ? SOUND.get(ids[index]!) : section)),
  ].join("~");
}

/** Compares the two readers on one text. */
function compare(text: string): void {
  const ours = readGpp(text);
  const header = text.split("~")[0]!;
  const ids = listIds(header);
  if (typeof ids === "number") {
    seen.differences.add("endless run");
    expect(ours).toBeNull();
    return;
  }
  let library = libraryGpp(text);
  if (library === null && ours !== null) {
    // The only thing that is read here and not there: a valid section still counts, above all if it refuses.
    seen.differences.add("sections beside a broken TCF section");
    library = libraryGpp(mend(text, ids, [5]));
    if (library === null) {
      expect(ours.tcf).toBeNull();
      library = libraryGpp(mend(text, ids, [2, 5]));
      library?.delete("tcfeuv2");
    }
  }
  if (library === null) {
    seen.absentForBoth++;
    expect(ours).toBeNull();
    return;
  }
  if (ours === null && !text.startsWith("C")) {
    // Characters outside the alphabet after a dot; numbers whose code has more than 32 bits.
    const steps = ids.map((id, index) => id - (ids[index - 1] ?? 0));
    expect(header.includes(".") || steps.some((step) => step >= FIRST_OF_33_BITS)).toBe(true);
    seen.differences.add("header");
    return;
  }
  for (const [name, section] of library) compareSection(name, ours, section);
  const known = [...library.keys()].map((name) => SECTIONS.get(name));
  for (const { section } of ours?.us ?? []) expect(known).toContain(section);
}

/** If both read a section, they read the same; if the library throws, it is absent here. */
function compareSection(name: string, ours: GppFacts | null, { text, fields }: LibrarySection): void {
  const mine = ourSection(name, ours);
  if (fields === null) {
    seen.absentForBoth++;
    expect(mine).toBeNull();
  } else if (mine === null) {
    const why = whyAbsent(name, fields, text);
    expect(why).not.toBeNull();
    seen.differences.add(why!);
  } else {
    seen.read++;
    expect(mine).toEqual(librarySection(name, fields, text));
  }
}

function ourSection(name: string, ours: GppFacts | null): unknown {
  if (name === "tcfeuv2") return ours?.tcf ?? null;
  if (name === "uspv1") return ours?.usPrivacyOptOut ?? null;
  return ours?.us.find(({ section }) => section === SECTIONS.get(name)) ?? null;
}

function librarySection(name: string, fields: Fields, text: string): unknown {
  if (name === "tcfeuv2") {
    const [purpose1] = fields.PurposeConsents as boolean[];
    const disclosesVendors = text.split(".").some((segment) => /^[I-P]/.test(segment));
    const [createdMs, lastUpdatedMs] = [fields.Created, fields.LastUpdated].map((time) =>
      (time as Date).getTime(),
    );
    return { purpose1, createdMs, lastUpdatedMs, disclosesVendors, core: text.split(".")[0] };
  }
  if (name === "uspv1") return (fields.OptOutSale as string).toUpperCase() === "Y";
  // An undefined value is ignored; an opt-out next to it still counts.
  const said = (field: string) => [null, true, false, null][(fields[field] as number | undefined) ?? 0];
  // The library gives a section without a GPC subsection default values, and does not check its type.
  const gpc = text.includes(".") && fields.GpcSegmentType === 1 && fields.Gpc === true;
  return {
    section: SECTIONS.get(name),
    optedOutOfSale: said("SaleOptOut"),
    optedOutOfSharing: said("SharingOptOut"),
    optedOutOfTargetedAds: said("TargetedAdvertisingOptOut"),
    gpc,
  };
}

const OPT_OUTS = ["SaleOptOut", "SharingOptOut", "TargetedAdvertisingOptOut"];

/** Why a section that the library reads is absent here. */
function whyAbsent(name: string, fields: Fields, text: string): string | null {
  if (name === "tcfeuv2") {
    // There, the other library, which reads only TC strings, is the reference.
    const fault = slowTcf(text);
    return typeof fault === "string" ? fault : null;
  }
  if (name === "uspv1") return /^1[yn-]{3}$/i.test(text) ? null : "us privacy form";
  const version = (fields.Version ?? fields.MspaVersion) as number;
  if (version !== 1 && !(version === 2 && name === "usnat")) return "section version";
  if (OPT_OUTS.some((field) => fields[field] === 3)) return "no such value";
  return null;
}

const bit2 = fc.integer({ min: 0, max: 2 });
const usSection = fc.record({
  values: fc.array(bit2, { minLength: 60, maxLength: 60 }),
  gpc: fc.constantFrom(undefined, true, false),
  nationalVersion: fc.constantFrom(1, 2),
});
const tcfSection = fc.record({
  purposes: fc.array(fc.boolean(), { minLength: 24, maxLength: 24 }),
  vendors: fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { maxLength: 20 }),
  lastUpdated: fc.integer({ min: 0, max: 2 ** 36 - 1 }),
});
const usPrivacy = fc.stringMatching(/^1[YN-]{3}$/);
const choice = fc.record({
  tcfeuv2: fc.option(tcfSection),
  uspv1: fc.option(usPrivacy),
  us: fc
    .subarray([...US_SECTIONS])
    .chain((names) => fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), usSection)))),
});

/** GPP strings from the encoder of the library, with random fields. */
const sound = choice.map(({ tcfeuv2, uspv1, us }) => {
  const model = new GppModel();
  if (tcfeuv2 !== null) {
    model.setFieldValue("tcfeuv2", "CmpId", 31);
    model.setFieldValue("tcfeuv2", "PurposeConsents", tcfeuv2.purposes);
    model.setFieldValue("tcfeuv2", "VendorConsents", tcfeuv2.vendors);
    model.setFieldValue("tcfeuv2", "LastUpdated", new Date(tcfeuv2.lastUpdated * 100));
  }
  if (uspv1 !== null) {
    ["Version", "Notice", "OptOutSale", "LspaCovered"].forEach((field, index) => {
      model.setFieldValue("uspv1", field, index === 0 ? Number(uspv1[0]) : uspv1[index]);
    });
  }
  for (const [name, { values, gpc, nationalVersion }] of us)
    fillUsSection(model, name, values, gpc, nationalVersion);

  const facts: GppFacts = {
    tcf: tcfeuv2 && {
      purpose1: tcfeuv2.purposes[0]!,
      createdMs: tcfeuv2.lastUpdated * 100,
      lastUpdatedMs: tcfeuv2.lastUpdated * 100,
      disclosesVendors: true,
      core: expect.any(String) as unknown as string,
    },
    usPrivacyOptOut: uspv1 === null ? null : uspv1[2] === "Y",
    us: us.map(([name, { gpc }]) => {
      const said = (field: string) =>
        model.hasField(name, field) ? [null, true, false][model.getFieldValue(name, field) as number]! : null;
      return {
        section: SECTIONS.get(name)!,
        optedOutOfSale: said("SaleOptOut"),
        optedOutOfSharing: said("SharingOptOut"),
        optedOutOfTargetedAds: said("TargetedAdvertisingOptOut"),
        gpc: gpc === true && model.hasField(name, "Gpc"),
      };
    }),
  };
  return { text: model.encode(), facts };
});

/** Sets every field of a section, in the order of the library, to the next of the values. */
function fillUsSection(
  model: GppModel,
  name: string,
  values: number[],
  gpc: boolean | undefined,
  version: number,
) {
  model.setFieldValue(name, "SaleOptOut", 0);
  let next = 0;
  for (const [field, value] of Object.entries(model.getSection(name) as Fields)) {
    if (Array.isArray(value))
      model.setFieldValue(
        name,
        field,
        value.map(() => values[next++]),
      );
    else if (field === "MspaCoveredTransaction") model.setFieldValue(name, field, 1 + (values[next++]! % 2));
    else if (typeof value === "number" && !/Version|SegmentType/.test(field))
      model.setFieldValue(name, field, values[next++]);
  }
  if (name === "usnat") model.setFieldValue(name, "Version", version);
  if (model.hasField(name, "Gpc")) {
    model.setFieldValue(name, "GpcSegmentIncluded", gpc !== undefined);
    if (gpc !== undefined) model.setFieldValue(name, "Gpc", gpc);
  } else if (/us(in|ky|ri)/.test(name)) {
    model.setFieldValue(name, "SensitiveDataConsentSegmentIncluded", gpc !== undefined);
  }
}

/** Headers with runs, gaps and numbers of any size, before sections that may match them. */
const odd = fc
  .tuple(
    fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 4 })), {
      maxLength: 4,
    }),
    fc.constantFrom(0, 0, 0, 1, -1),
    fc.array(
      fc.constantFrom(
        "BAgAAAAAAAAA",
        "CAAgAAAAAABA.YA",
        "BQCA.AAA",
        "1YNN",
        "BAgAAABA.",
        "A",
        "BBBBBBBBBBBB.Q",
      ),
      {
        minLength: 20,
        maxLength: 20,
      },
    ),
    fc.constantFrom("", "", "", "A", "."),
  )
  .map(([entries, more, sections, tail]) => {
    const bits = entries.map(([isRun, step, run]) =>
      isRun ? `1${fibonacciBits(step)}${fibonacciBits(run)}` : `0${fibonacciBits(step)}`,
    );
    const count = (entries.length + (more > 0 ? 1 : 0)).toString(2).padStart(12, "0");
    const listed = entries.reduce((sum, [isRun, , run]) => sum + 1 + (isRun ? run : 0), 0);
    const header = fromBits(`000011000001${count}${bits.join("")}`);
    return [header + tail, ...sections.slice(0, Math.max(0, listed + more))].join("~");
  });

describe("the reader of GPP strings agrees with the library of the IAB", () => {
  test("on strings that the library writes", () => {
    forget();
    fc.assert(
      fc.property(sound, ({ text, facts }) => {
        expect(readGpp(text)).toEqual(facts);
        compare(text);
      }),
      { numRuns: 3000 },
    );
    expect(seen.read).toBeGreaterThan(10_000);
    expect([...seen.differences]).toEqual([]);
  });

  test("on damaged strings that the library wrote", () => {
    forget();
    const damages = fc.array(damage(`${DIGITS}~~..%é `), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(sound, damages, ({ text }, spoils) => {
        for (const spoil of spoils) compare(spoil(text));
      }),
      { numRuns: 2500 },
    );
    expect(seen.read).toBeGreaterThan(5000);
    expect(seen.absentForBoth).toBeGreaterThan(500);
  });

  test("on damaged single sections", () => {
    forget();
    const one = fc
      .tuple(fc.constantFrom(...US_SECTIONS), usSection)
      .map(([name, { values, gpc, nationalVersion }]) => {
        const model = new GppModel();
        fillUsSection(model, name, values, gpc, nationalVersion);
        return { id: SECTIONS.get(name)!, text: model.encodeSection(name) as string };
      });
    fc.assert(
      fc.property(one, damage(`${DIGITS}..+`), ({ id, text }, spoil) => {
        compare(`${gppHeader([id])}~${spoil(text)}`);
      }),
      { numRuns: 15_000 },
    );
    expect(seen.read).toBeGreaterThan(3000);
    expect(seen.absentForBoth).toBeGreaterThan(1000);
    expect(seen.differences).toContain("section version");
    expect(seen.differences).toContain("no such value");
  });

  test("on headers with sections of other strings", () => {
    forget();
    fc.assert(fc.property(odd, compare), { numRuns: 15_000 });
    expect(seen.read).toBeGreaterThan(1000);
    expect(seen.absentForBoth).toBeGreaterThan(1000);
    expect(seen.differences).toContain("header");
    expect(seen.differences).toContain("sections beside a broken TCF section");
  });

  test("on numbers with codes of every length", () => {
    forget();
    for (let digits = 1; digits <= 14; digits++) {
      for (const middle of ["", "E", "V", "q"]) compare(`DBAB${"A".repeat(digits - 1)}${middle}G~1YNN`);
    }
    compare("DBABAAAAVA5~A");
    expect(seen.differences).toContain("header");
  });

  test("on random text", () => {
    const noise = fc.string({ unit: fc.constantFrom(...DIGITS, "~", "~", "."), maxLength: 60 });
    fc.assert(
      fc.property(fc.constantFrom("", "DB", "DBAB", "DBABrw~", "C"), noise, (start, text) =>
        compare(start + text),
      ),
      { numRuns: 10_000 },
    );
  });

  test("and no text makes it throw", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => compare(text)),
      { numRuns: 5000 },
    );
  });
});
