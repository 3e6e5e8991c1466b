import { expect, test } from "vitest";
import { idOf } from "../../bench/growth/graph.ts";

test("ids of the growth bench have the form of an EC id, are unique, and cover the whole range", () => {
  const ids = Array.from({ length: 20_000 }, (_, i) => idOf(i));
  expect(ids.every((id) => /^[0-9a-f]{64}\.[0-9A-Za-z]{6}$/.test(id))).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
  expect(new Set(ids.map((id) => id[0])).size).toBe(16);
  expect(idOf(9_999_999)).not.toBe(idOf(9_999_998));
});
