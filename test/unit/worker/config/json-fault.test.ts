import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonFault } from "../../../../worker/config/json-fault.ts";

describe("jsonFault finds the line and column of the first fault", () => {
  test.each([
    ["", 1, 1, /a value/],
    ["{", 1, 2, /"}"/],
    ['{"a": 1,}', 1, 9, /a field's name/],
    ['{"a": 1\n "b": 2}', 2, 2, /","/],
    ['{\n  "a" 1}', 2, 7, /":"/],
    ["{'a': 1}", 1, 2, /a field's name/],
    ['{"a": }', 1, 7, /a value/],
    ["[1, 2", 1, 6, /"]"/],
    ["[1, 2,]", 1, 7, /a value/],
    ["{} {}", 1, 4, /the end/],
    ['{\n  // a comment\n  "a": 1}', 2, 3, /comment/],
    ['{"a": 01}', 1, 8, /","/],
    ['{"a": tru}', 1, 7, /a value/],
    ['{"a": "line\nbreak"}', 1, 7, /one line/],
    ['{"a": "\\x"}', 1, 7, /escape/],
    ['{"a": "\\u12"}', 1, 7, /hex/],
    ['{"a": "\u0001"}', 1, 7, /control/],
  ])("%j", (text, line, column, expected) => {
    expect(jsonFault(text)).toEqual({ line, column, expected: expect.stringMatching(expected) });
  });
});

test("jsonFault reports a fault of a text that nests too deeply for its parser", () => {
  expect(jsonFault("[".repeat(200_000))).not.toBeNull();
});

test("jsonFault quotes nothing of the text", () => {
  for (const text of ['{"token": s3cr3t}', '{"token": "s3cr3t}', "{s3cr3t: 1}", '{"a": "s3cr3t" "b"}']) {
    expect(JSON.stringify(jsonFault(text))).not.toContain("s3cr3t");
  }
});

test("jsonFault returns null exactly for what JSON.parse accepts", () => {
  const parses = (text: string): boolean => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const broken = fc
    .tuple(
      fc.json(),
      fc.nat(),
      fc.constantFrom("", ",", '"', "}", "]", "\\", "0", " ", "\n", "e", "-", "\u007f"),
    )
    .map(([json, at, text]) => {
      const place = at % (json.length + 1);
      return json.slice(0, place) + text + json.slice(place + (at % 2));
    });
  fc.assert(
    fc.property(fc.oneof(fc.json(), broken, fc.string()), (text) => {
      expect(jsonFault(text) === null).toBe(parses(text));
    }),
    { numRuns: 5000 },
  );
});
