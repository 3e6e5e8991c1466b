import { describe, expect, test } from "vitest";
import { readTcf, vendorPurpose1 } from "../../../../../runtime/ec/request/tcf.ts";
import {
  bitsOf,
  fromBits,
  NO_RESTRICTIONS,
  NO_VENDORS,
  tcfCoreBits,
} from "../../../../support/bit-strings.ts";
import { tcfString } from "../../../../support/consent-strings.ts";

/** Bits of one run of vendors and of one single vendor in a list of ranges. */
const run = (first: number, last: number) => `1${bitsOf(first, 16)}${bitsOf(last, 16)}`;
const single = (id: number) => `0${bitsOf(id, 16)}`;
const ranges = (...entries: string[]) => bitsOf(entries.length, 12) + entries.join("");
const rangedVendors = (...entries: string[]) => `${bitsOf(2000, 16)}1${ranges(...entries)}`;
const restrictions = (...entries: string[]) => bitsOf(entries.length, 12) + entries.join("");
const restriction = (purpose: number, type: number, ...entries: string[]) =>
  bitsOf(purpose, 6) + bitsOf(type, 2) + ranges(...entries);

const core = (...parts: string[]) => fromBits(tcfCoreBits() + parts.join(""));
const SOUND = core(NO_VENDORS, NO_VENDORS, NO_RESTRICTIONS);

describe("readTcf reads", () => {
  test.each([
    ["COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA", true, "2020-02-20T23:57:39.300Z"],
    ["CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA", false, "2022-04-20T22:00:00.000Z"],
  ])("the published example %s", (text, purpose1, time) => {
    expect(readTcf(text)).toMatchObject({
      purpose1,
      lastUpdatedMs: Date.parse(time),
      disclosesVendors: false,
    });
  });

  test("Purpose 1, and no other purpose", () => {
    const lastUpdatedMs = Date.UTC(2026, 2, 1);
    const createdMs = lastUpdatedMs - 5000;
    expect(readTcf(tcfString({ purposes: [1], createdMs, lastUpdatedMs }))).toEqual({
      purpose1: true,
      createdMs,
      lastUpdatedMs,
      disclosesVendors: true,
      core: expect.any(String),
    });
    const others = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    expect(readTcf(tcfString({ purposes: others, lastUpdatedMs }))?.purpose1).toBe(false);
  });

  test("times of 36 bits", () => {
    const latestMs = (2 ** 36 - 1) * 100;
    for (const [createdMs, lastUpdatedMs] of [
      [latestMs, 0],
      [0, latestMs],
    ] as const) {
      const bits = tcfCoreBits({ createdMs, lastUpdatedMs }) + NO_VENDORS + NO_VENDORS + NO_RESTRICTIONS;
      expect(readTcf(fromBits(bits))).toMatchObject({ createdMs, lastUpdatedMs });
    }
  });

  test.each([
    ["a field of vendors", core(`${bitsOf(9, 16)}0101010101`, NO_VENDORS, NO_RESTRICTIONS)],
    ["ranges of vendors", core(rangedVendors(single(1), run(2, 65_535)), NO_VENDORS, NO_RESTRICTIONS)],
    ["an empty list of ranges", core(rangedVendors(), rangedVendors(), NO_RESTRICTIONS)],
    [
      "restrictions",
      core(NO_VENDORS, NO_VENDORS, restrictions(restriction(1, 0, single(3)), restriction(9, 2))),
    ],
    [
      "letters of a country",
      fromBits(`${tcfCoreBits({ country: `${bitsOf(57, 6)}011001` })}${"0".repeat(46)}`),
    ],
    ["padding", `${SOUND}AAAA`],
    ["disclosed vendors", `${SOUND}.${fromBits(`001${rangedVendors(run(1, 900))}`)}`],
    ["allowed vendors", `${SOUND}.${fromBits(`010${NO_VENDORS}`)}`],
    ["publisher purposes", `${SOUND}.${fromBits(`011${"0".repeat(48)}${bitsOf(2, 6)}1001`)}`],
    [
      "all segments in any order",
      `${SOUND}.${fromBits(`011${"0".repeat(54)}`)}.${fromBits(`001${NO_VENDORS}`)}`,
    ],
  ])("a string with %s", (name, text) => {
    const disclosesVendors = name === "disclosed vendors" || name === "all segments in any order";
    expect(readTcf(text)).toEqual({
      purpose1: true,
      createdMs: 0,
      lastUpdatedMs: 0,
      disclosesVendors,
      core: text.split(".")[0],
    });
  });
});

describe("readTcf finds no consent in", () => {
  test.each([
    ["nothing", ""],
    ["a dot", "."],
    ["a word", "consent"],
    ["letters of another alphabet", SOUND.replace("A", "Ä")],
    ["ordinary base64", SOUND.replace("A", "+")],
    ["padding characters", `${SOUND}=`],
    ["a blank", `${SOUND} `],
    ["a string of version 1", fromBits(tcfCoreBits({ version: 1 }) + "0".repeat(200))],
    ["a string of version 3", fromBits(tcfCoreBits({ version: 3 }) + "0".repeat(200))],
    ["a platform number that is nobody's", fromBits(tcfCoreBits({ cmpId: 1 }) + "0".repeat(60))],
    [
      "a country beyond the alphabet",
      fromBits(tcfCoreBits({ country: `${bitsOf(58, 6)}000000` }) + "0".repeat(60)),
    ],
    ["a vendor 0", core(rangedVendors(single(0)), NO_VENDORS, NO_RESTRICTIONS)],
    ["a run that ends before it begins", core(rangedVendors(run(5, 4)), NO_VENDORS, NO_RESTRICTIONS)],
    ["fewer ranges than announced", core(`${bitsOf(9, 16)}1${bitsOf(3, 12)}${single(1)}`)],
    ["fewer vendors than announced", core(`${bitsOf(500, 16)}0${"1".repeat(100)}`)],
    ["a restriction of no purpose", core(NO_VENDORS, NO_VENDORS, restrictions(restriction(0, 1, single(1))))],
    ["a restriction of no type", core(NO_VENDORS, NO_VENDORS, restrictions(restriction(2, 3, single(1))))],
    ["fewer restrictions than announced", core(NO_VENDORS, NO_VENDORS, bitsOf(2, 12), restriction(2, 1))],
    ["another segment alone", fromBits(`001${NO_VENDORS}`)],
    ["another segment before the core", `${fromBits(`001${NO_VENDORS}`)}.${SOUND}`],
    ["two cores", `${SOUND}.${SOUND}`],
    ["an empty segment", `${SOUND}.`],
    ["a segment of an unknown type", `${SOUND}.${fromBits(`100${"0".repeat(60)}`)}`],
    ["a disclosed segment cut short", `${SOUND}.${fromBits(`001${bitsOf(40, 16)}0111`)}`],
    ["a publisher segment cut short", `${SOUND}.${fromBits(`011${"0".repeat(30)}`)}`],
    [
      "a publisher segment without its custom purposes",
      `${SOUND}.${fromBits(`011${"0".repeat(48)}${bitsOf(9, 6)}1`)}`,
    ],
    ["only dots", ".".repeat(10_000)],
  ])("%s", (_, text) => {
    expect(readTcf(text)).toBeNull();
  });

  test("any valid string cut short", () => {
    const text = core(
      rangedVendors(single(1), run(2, 9)),
      NO_VENDORS,
      restrictions(restriction(2, 1, single(7))),
    );
    expect(readTcf(text)).not.toBeNull();
    for (let length = 0; length < text.length; length++) expect(readTcf(text.slice(0, length))).toBeNull();
  });
});

describe("vendorPurpose1 reads", () => {
  const field = (...ids: number[]) =>
    `${bitsOf(9, 16)}0${Array.from({ length: 9 }, (_, index) => (ids.includes(index + 1) ? "1" : "0")).join("")}`;
  const of = (consents: string, list = NO_RESTRICTIONS) => ({ core: core(consents, field(7), list) });

  test.each([
    ["a field of vendors", field(3, 9)],
    ["ranges", rangedVendors(single(3), run(9, 11))],
  ])("%s", (_name, consents) => {
    const said = [1, 3, 8, 9, 12, 65_535].map((vendor) => vendorPurpose1(of(consents), vendor));
    const no = "vendor_no_consent";
    expect(said).toEqual([no, "vendor_consent", no, "vendor_consent", no, no]);
  });

  test.each<[string, string, string]>([
    ["not allowed", restriction(1, 0, single(3)), "vendor_restricted"],
    ["only with consent", restriction(1, 1, run(1, 5)), "vendor_consent"],
    ["only with a legitimate interest", restriction(1, 2, run(1, 5)), "vendor_restricted"],
    ["not allowed for another purpose", restriction(2, 0, single(3)), "vendor_consent"],
    ["not allowed for others", restriction(1, 0, single(2), run(4, 9)), "vendor_consent"],
  ])("a restriction of Purpose 1: %s", (_name, entry, expected) => {
    const list = restrictions(restriction(9, 1, run(1, 9)), entry);
    expect(readTcf(of(field(3), list).core)).not.toBeNull();
    expect(vendorPurpose1(of(field(3), list), 3)).toBe(expected);
    expect(vendorPurpose1(of(field(4), list), 3)).toBe("vendor_no_consent");
  });
});
