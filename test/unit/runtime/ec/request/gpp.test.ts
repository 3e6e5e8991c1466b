import { describe, expect, test } from "vitest";
import { readGpp, readSectionsInForce } from "../../../../../runtime/ec/request/gpp.ts";
import { bitsOf, fibonacciBits, fromBits, gppHeader, toBits } from "../../../../support/bit-strings.ts";
import { gppString, tcfString, US_SECTIONS } from "../../../../support/consent-strings.ts";

const lastUpdatedMs = Date.UTC(2026, 2, 1);
const PURPOSE1 = {
  purpose1: true,
  createdMs: lastUpdatedMs,
  lastUpdatedMs,
  disclosesVendors: true,
  core: expect.any(String),
};
/** What a section says that says nothing. */
const SILENT = { optedOutOfSale: null, optedOutOfSharing: null, optedOutOfTargetedAds: null, gpc: false };
/** A national section that did not opt out, and one that did. */
const NO_OPT_OUT = "BAAgAAAAAQA";
const OPT_OUT = "BAAQAAAAAQA";

describe("readGpp reads", () => {
  test("the European section", () => {
    const facts = readGpp(gppString({ tcf: { purposes: [1, 2], lastUpdatedMs } }));
    expect(facts).toEqual({ tcf: PURPOSE1, usPrivacyOptOut: null, us: [] });
    expect(readGpp(gppString({ tcf: { purposes: [2], lastUpdatedMs } }))?.tcf?.purpose1).toBe(false);
  });

  test("the US Privacy section", () => {
    expect(readGpp(gppString({ usPrivacy: "1YYN" }))?.usPrivacyOptOut).toBe(true);
    expect(readGpp(gppString({ usPrivacy: "1YNN" }))?.usPrivacyOptOut).toBe(false);
  });

  test.each(US_SECTIONS.map((name, index) => [name, index + 7] as const))(
    "the section %s",
    (name, section) => {
      for (const [value, optedOutOfSale] of [
        [0, null],
        [1, true],
        [2, false],
      ] as const) {
        const facts = readGpp(gppString({ saleOptOut: { [name]: value } }));
        expect(facts).toEqual({
          tcf: null,
          usPrivacyOptOut: null,
          us: [{ ...SILENT, section, optedOutOfSale }],
        });
      }
    },
  );

  // Safe first, section 6: sharing and targeted advertising are read, each from its place.
  test.each(US_SECTIONS.map((name, index) => [name, index + 7] as const))(
    "sharing and targeted advertising in the section %s, where it has them",
    (name, section) => {
      const [hasSharing, hasTargetedAds] = [name === "usnat" || name === "usca", name !== "usca"];
      for (const [value, said] of [
        [0, null],
        [1, true],
        [2, false],
      ] as const) {
        const saleOptOut = { [name]: 2 as const };
        if (hasSharing) {
          expect(readGpp(gppString({ saleOptOut, sharingOptOut: { [name]: value } }))?.us).toEqual([
            { ...SILENT, section, optedOutOfSale: false, optedOutOfSharing: said },
          ]);
        }
        if (hasTargetedAds) {
          expect(readGpp(gppString({ saleOptOut, targetedAdsOptOut: { [name]: value } }))?.us).toEqual([
            { ...SILENT, section, optedOutOfSale: false, optedOutOfTargetedAds: said },
          ]);
        }
      }
    },
  );

  test("the national section of version 1 as of version 2", () => {
    const core = (...optOuts: number[]) =>
      fromBits(
        bitsOf(1, 6) + "0".repeat(12) + optOuts.map((value) => bitsOf(value, 2)).join("") + "0".repeat(36),
      );
    expect(readGpp(`${gppHeader([7])}~${core(2, 1, 2)}`)?.us).toMatchObject([
      { optedOutOfSale: false, optedOutOfSharing: true, optedOutOfTargetedAds: false },
    ]);
  });

  test("an opt-out, but no permission, of a section with a meaningless value", () => {
    const core = (...optOuts: number[]) =>
      fromBits(
        bitsOf(2, 6) + "0".repeat(12) + optOuts.map((value) => bitsOf(value, 2)).join("") + "0".repeat(48),
      );
    expect(readGpp(`${gppHeader([7])}~${core(2, 3, 2)}`)?.us).toEqual([]);
    expect(readGpp(`${gppHeader([7])}~${core(3, 2, 1)}`)?.us).toMatchObject([
      { optedOutOfTargetedAds: true },
    ]);
  });

  test("all sections at once", () => {
    const text = gppString({
      tcf: { lastUpdatedMs },
      usPrivacy: "1---",
      saleOptOut: Object.fromEntries(US_SECTIONS.map((name, index) => [name, (index % 3) as 0 | 1 | 2])),
    });
    expect(readGpp(text)).toEqual({
      tcf: PURPOSE1,
      usPrivacyOptOut: false,
      us: US_SECTIONS.map((_, index) => ({
        ...SILENT,
        section: index + 7,
        optedOutOfSale: [null, true, false][index % 3],
      })),
    });
  });

  test("the GPC subsection of every section that has one", () => {
    const saleOptOut = Object.fromEntries(US_SECTIONS.map((name) => [name, 2 as const]));
    const withGpc = (gpc: boolean) =>
      readGpp(gppString({ saleOptOut, gpc }))!.us.filter((section) => section.gpc);
    expect(withGpc(false)).toEqual([]);
    expect(withGpc(true).map(({ section }) => section)).toEqual([
      7, 8, 10, 12, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
    ]);
  });

  test("the national section of version 1, whether filled up to bytes or not", () => {
    for (const core of [NO_OPT_OUT, NO_OPT_OUT.slice(0, 10)]) {
      expect(readGpp(`${gppHeader([7])}~${core}`)?.us).toEqual([
        { ...SILENT, section: 7, optedOutOfSale: false },
      ]);
    }
  });

  test("a string without sections", () => {
    expect(readGpp("DBAA")).toEqual({ tcf: null, usPrivacyOptOut: null, us: [] });
  });

  test("the sections after unknown ones", () => {
    const text = `${gppHeader([5, 7, 30, 900])}~anything~${OPT_OUT}~???~x`;
    expect(readGpp(text)?.us).toEqual([{ ...SILENT, section: 7, optedOutOfSale: true }]);
  });

  test("a TC string alone", () => {
    expect(readGpp(tcfString({ lastUpdatedMs }))).toEqual({
      tcf: PURPOSE1,
      usPrivacyOptOut: null,
      us: [],
    });
    expect(readGpp("Crumbs")).toBeNull();
  });
});

describe("a section that does not decode is absent, and the others are not", () => {
  test.each([
    ["an unknown version", `${fromBits(bitsOf(3, 6) + toBits(NO_OPT_OUT).slice(6))}`],
    ["a value that means nothing", fromBits(`${bitsOf(1, 6)}${"0".repeat(12)}11${"0".repeat(50)}`)],
    ["a core cut short", NO_OPT_OUT.slice(0, 9)],
    ["characters of another alphabet", `${NO_OPT_OUT.slice(0, 10)}+`],
    ["an empty subsection", `${NO_OPT_OUT}.`],
    ["a broken subsection", `${NO_OPT_OUT}.*`],
  ])("%s", (_, broken) => {
    expect(readGpp(`${gppHeader([7, 8])}~${broken}~BAgAAABA`)?.us).toEqual([
      { ...SILENT, section: 8, optedOutOfSale: false },
    ]);
  });

  test("version 2 where only version 1 is known", () => {
    expect(readGpp(`${gppHeader([8])}~${fromBits(bitsOf(2, 6) + "0".repeat(48))}`)?.us).toEqual([]);
  });

  test("a subsection on sensitive data cut short", () => {
    expect(readGpp(`${gppHeader([25])}~BQCA.AAA`)?.us).toHaveLength(1);
    expect(readGpp(`${gppHeader([25])}~BQCA.AA`)?.us).toHaveLength(0);
  });

  test.each(["1YY", "2YYY", "1YXY", "1YYYY", "null"])("the US Privacy section %s", (section) => {
    expect(readGpp(`${gppHeader([6])}~${section}`)?.usPrivacyOptOut).toBeNull();
  });

  test("a TC string that does not decode", () => {
    expect(readGpp(`${gppHeader([2])}~${tcfString().slice(0, 20)}`)?.tcf).toBeNull();
  });
});

describe("readGpp finds no GPP string in", () => {
  const sections = (count: number) => `~${OPT_OUT}`.repeat(count);
  const header = (...bits: string[]) => fromBits(bitsOf(3, 6) + bitsOf(1, 6) + bits.join(""));
  test.each([
    ["nothing", ""],
    ["a tilde", "~"],
    ["a word", "gpp"],
    ["a header of another type", `EBABrw${sections(1)}`],
    ["a header of another version", `DCABrw${sections(1)}`],
    ["a header cut short", "DBA"],
    ["a header with a dot", `${gppHeader([7])}.A~${OPT_OUT}`],
    ["fewer sections than listed", `${gppHeader([7, 8])}${sections(1)}`],
    ["more sections than listed", `${gppHeader([7])}${sections(2)}`],
    ["an empty section", `${gppHeader([7, 8])}~${OPT_OUT}~`],
    ["a blank section of an unknown kind", `${gppHeader([7, 30])}~${OPT_OUT}~ `],
    ["a list that does not end", `${header(bitsOf(1, 12), "0", "010101010101")}${sections(1)}`],
    ["a list with an entry too few", `${header(bitsOf(2, 12), "0", fibonacciBits(7))}${sections(2)}`],
    ["a number of millions", `${header(bitsOf(1, 12), "0", "0".repeat(40), "11")}${sections(1)}`],
    ["a run of billions", "DBAB4AAAAAG"],
  ])("%s", (_, text) => {
    expect(readGpp(text)).toBeNull();
  });

  test("any header cut short", () => {
    const ids = [2, 6, 7, 8, 12, 13, 14, 27];
    for (let length = 0; length < gppHeader(ids).length; length++) {
      expect(readGpp(gppHeader(ids).slice(0, length) + sections(ids.length))).toBeNull();
    }
  });

  test("runs in a header are read like single numbers", () => {
    const text = header(bitsOf(2, 12), "0", fibonacciBits(2), "1", fibonacciBits(5), fibonacciBits(2));
    expect(readGpp(`${text}~x${sections(3)}`)?.us.map(({ section }) => section)).toEqual([7, 8, 9]);
    expect(readGpp(`${text}~x${sections(2)}`)).toBeNull();
    expect(readGpp(`${text}~x${sections(4)}`)).toBeNull();
  });
});

describe("readSectionsInForce", () => {
  test.each([
    ["7", [7]],
    ["2,6,7", [2, 6, 7]],
    ["7_8", [7, 8]],
    [" 7 , 8 ", [7, 8]],
    ["-1", [-1]],
    ["0", [0]],
  ])("reads %j", (text, sections) => {
    expect([...readSectionsInForce(text)!]).toEqual(sections);
  });

  test.each(["", ",", "7,", "usnat", "7;8", "7.5", "-2", "1e1", "123456", "[7]"])(
    "finds no list in %j",
    (text) => {
      expect(readSectionsInForce(text)).toBeNull();
    },
  );
});
