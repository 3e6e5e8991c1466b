import { expect, test } from "vitest";
import { changedFields } from "../../../../worker/config/changed-fields.ts";

test("changed, new and removed fields are named by their path; a list is one field", () => {
  const before = { a: 1, b: { c: [1, 2], d: "x" }, e: null, f: 1 };
  const after = { a: 1, b: { c: [2, 1], d: "x" }, e: { g: 1 }, h: 1 };
  expect(changedFields(before, after, "root")).toEqual(["root.b.c", "root.e", "root.f", "root.h"]);
});

test("equal configurations have no changed field", () => {
  expect(changedFields({ a: { b: [1] } }, { a: { b: [1] } })).toEqual([]);
});
