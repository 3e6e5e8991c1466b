import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { repeatedFields } from "../../../../worker/config/repeated-fields.ts";

// Safe first, section 7: a duplicate field drops the first silently.
describe("repeatedFields finds each repeated field and the lines of both", () => {
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

  test("repeatedFields finds none in what JSON.stringify wrote, at any depth", () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 2), (json, space) => {
        expect([...repeatedFields(JSON.stringify(JSON.parse(json), null, space))]).toEqual([]);
      }),
    );
    const depth = 200_000;
    expect([...repeatedFields("[".repeat(depth) + "]".repeat(depth))]).toEqual([]);
  });
});
