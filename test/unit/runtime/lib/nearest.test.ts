import { expect, test } from "vitest";
import { nearest } from "../../../../runtime/lib/nearest.ts";

test.each([
  ["prot", "port"],
  ["PORT", "port"],
  ["originTimeoutMS", "originTimeoutMs"],
  ["orignTimeout", "originTimeoutMs"],
  ["ports", "port"],
  ["x", null],
  ["unrelated", null],
  ["", null],
])("nearest(%j) is %j", (word, expected) => {
  expect(nearest(word, ["port", "host", "originTimeoutMs"])).toBe(expected);
});

test("nearest returns the first of several candidates that are equally close", () => {
  expect(nearest("bat", ["cat", "rat"])).toBe("cat");
});
