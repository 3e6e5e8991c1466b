import { expect, test } from "vitest";
import { isAtLeast } from "../../../../runtime/lib/version.ts";

test.each<[version: string, oldest: string, result: boolean]>([
  ["2.39.5", "2.37", true],
  ["2.37.0", "2.37", true],
  ["2.37", "2.37.0", true],
  ["2.36.9", "2.37", false],
  ["10.0", "9.9.9", true],
  ["2.39.5.windows.1", "2.39.5", true],
  ["2.9.0-rc.1+build", "2.9", true],
  ["none", "1", false],
])("%s is at least %s: %s", (version, oldest, result) => {
  expect(isAtLeast(version, oldest)).toBe(result);
});
