import fc from "fast-check";
import { expect, test } from "vitest";
import { readCookies } from "../../runtime/ec/request/cookie.ts";
import { countLooks } from "../support/count-looks.ts";

const NAMES = ["ts-ec", "euconsent-v2", "__gpp", "__gpp_sid", "us_privacy"];

/** A slow reference of the same contract: split into pairs, then check each. */
function expected(header: string, names: readonly string[]): Map<string, string[]> {
  const pairs = header.slice(0, 65_536).split(";");
  const isCut = header.length > 65_536 && header[65_536] !== ";";
  if (isCut) pairs.pop();
  const found = new Map<string, string[]>();
  for (const pair of pairs) {
    const match = /^[ \t]*([^=]*?)[ \t]*=[ \t]*(.*?)[ \t]*$/s.exec(pair);
    if (match === null || !names.includes(match[1]!)) continue;
    const value = /^".*"$/s.test(match[2]!) ? match[2]!.slice(1, -1) : match[2]!;
    found.set(match[1]!, [...(found.get(match[1]!) ?? []), value]);
  }
  return found;
}

const name = fc.oneof(
  fc.constantFrom(...NAMES),
  fc.constantFrom("xts-ec", "ts-ec2", "__gpp_", "", "TS-EC"),
  fc.string({ maxLength: 6 }),
);
const value = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: "binary", maxLength: 10 }),
  fc.string({ maxLength: 10 }).map((text) => `"${text}"`),
);
const pair = fc.oneof(
  fc
    .tuple(fc.constantFrom("", " ", "\t "), name, fc.constantFrom("=", " =", "= ", ""), value)
    .map((parts) => parts.join("")),
  fc.constantFrom("", " ", "=", '"'),
);
const header = fc.array(pair, { maxLength: 40 }).map((pairs) => pairs.join(";"));

test("readCookie returns what a slow reference reader returns", () => {
  let values = 0;
  fc.assert(
    fc.property(header, (text) => {
      const cookies = readCookies(text, NAMES);
      values += cookies.size;
      expect(cookies).toEqual(expected(text, NAMES));
    }),
    { numRuns: 20_000 },
  );
  expect(values).toBeGreaterThan(10_000);
});

test("the readers agree on headers around and far beyond the size limit", () => {
  const long = fc
    .tuple(fc.integer({ min: 65_400, max: 65_600 }), header, header)
    .map(
      ([length, before, after]) => `${before};p=${"x".repeat(length - before.length)};ts-ec=edge;${after}`,
    );
  fc.assert(
    fc.property(long, (text) => {
      expect(readCookies(text, NAMES)).toEqual(expected(text, NAMES));
    }),
    { numRuns: 500 },
  );
});

test.each([
  ["thousands of empty pairs", ";"],
  ["thousands of pairs without a name", "a;"],
  ["thousands of names without a value", "ts-ec;"],
  ["thousands of values", "__gpp=1;"],
  ["thousands of names that are nearly right", "us_privacx=1;"],
  ["one endless blank", " "],
  ["one endless quote", '"'],
  ["blanks before every equals sign", "ts-ec                =1;"],
])("takes time in proportion to a header of %s", (_, unit) => {
  const fill = (length: number) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
  const half = countLooks(() => readCookies(fill(32_768), NAMES));
  const whole = countLooks(() => readCookies(fill(65_536), NAMES));
  const beyond = countLooks(() => readCookies(fill(65_536) + fill(1000), NAMES));
  expect(whole).toBeLessThan(half * 2.1);
  expect(whole).toBeLessThan(65_536 * 12);
  expect(beyond).toBeLessThan(whole + 3000);
});
