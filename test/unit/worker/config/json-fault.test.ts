import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonFault, repeatedFields } from "../../../../worker/config/json-fault.ts";

describe("a fault in JSON is found where it is", () => {
  test.each([
    ["", 1, 1, "a value"],
    ["{", 1, 2, "a field's name in double quotes"],
    ['{"a": 1,}', 1, 9, "a field's name in double quotes"],
    ['{"a": 1\n "b": 2}', 2, 2, '"," or "}"'],
    ['{\n  "a" 1}', 2, 7, '":"'],
    ["{'a': 1}", 1, 2, "a field's name in double quotes"],
    ['{"a": }', 1, 7, "a value"],
    ["[1, 2", 1, 6, '"," or "]"'],
    ["{} {}", 1, 4, "the end of the text"],
    ['{\n  // a comment\n  "a": 1}', 2, 3, "a field's name in double quotes"],
    ['{"a": 01}', 1, 7, "a value"],
    ['{"a": tru}', 1, 7, "a value"],
    ['{"a": "line\nbreak"}', 1, 7, "a value"],
    ['{"a": "\\x"}', 1, 7, "a value"],
  ])("%j", (text, line, column, expected) => {
    expect(jsonFault(text)).toEqual({ line, column, expected });
  });
});

test("what JSON.parse takes and what has no fault are the same", () => {
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

// Safe first, section 7: a duplicate field drops the first silently.
describe("a field that stands twice is found, with the lines of both", () => {
  test.each<[string, [path: string, first: number, second: number][]]>([
    ["{}", []],
    ['{"a": {"a": {"a": 1}}, "b": ["a", "a", {"a": 1}, {"a": 2}]}', []],
    ['{"a": 1, "a": 2}', [["a", 1, 1]]],
    [
      '{\n"a": 1,\r\n"b": {"a": "}",\n"a": "{\\""},\n"a": 3\n}',
      [
        ["b.a", 3, 4],
        ["a", 2, 5],
      ],
    ],
    ['[[1, {"x": [], "x": {}}]]', [["0.1.x", 1, 1]]],
    [
      '{"a": 1,\n"\\u0061": 2,\n"a": 3}',
      [
        ["a", 1, 2],
        ["a", 2, 3],
      ],
    ],
    [
      '{"__proto__": 1, "__proto__": 2, "": 1, "": 2}',
      [
        ["__proto__", 1, 1],
        ["", 1, 1],
      ],
    ],
    ['"a"', []],
  ])("%j", (text, expected) => {
    const found = [...repeatedFields(text)].map(({ path, lines }) => [path.join("."), ...lines]);
    expect(found).toEqual(expected);
  });

  test("in no text that JSON.stringify wrote, however deep", () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 2), (json, space) => {
        expect([...repeatedFields(JSON.stringify(JSON.parse(json), null, space))]).toEqual([]);
      }),
    );
    const depth = 200_000;
    expect([...repeatedFields("[".repeat(depth) + "]".repeat(depth))]).toEqual([]);
  });
});
