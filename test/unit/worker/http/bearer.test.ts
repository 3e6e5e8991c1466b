import { expect, test } from "vitest";
import { bearerToken } from "../../../../worker/http/bearer.ts";

test.each([
  ["Bearer abc", "abc"],
  ["bearer abc", "abc"],
  ["BEARER   abc", "abc"],
  [`Bearer ${"a".repeat(4096)}`, "a".repeat(4096)],
])("bearerToken reads the token of %j", (header, token) => {
  expect(bearerToken(header)).toBe(token);
});

test.each([
  [undefined],
  [""],
  ["Bearer"],
  ["Bearer "],
  ["Bearer a b"],
  ["Basic abc"],
  ["xBearer abc"],
  [`Bearer ${"a".repeat(4097)}`],
])("bearerToken returns null for %j", (header) => {
  expect(bearerToken(header)).toBeNull();
});
