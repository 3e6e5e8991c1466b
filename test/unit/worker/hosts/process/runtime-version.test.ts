import { expect, test } from "vitest";
import { requireVersion } from "../../../../../worker/hosts/process/runtime-version.ts";

test.each([
  ["Node", "24.0.0"],
  ["Node", "25.1.0"],
  ["Node", "100.0.0"],
  ["Bun", "1.4.5"],
  ["Bun", "1.10.0-canary.3"],
  ["Deno", "2.9.0"],
  ["Deno", "3.0.0-rc.1"],
] as const)("%s %s is accepted (O37)", (runtime, version) => {
  expect(() => requireVersion(runtime, version)).not.toThrow();
});

test.each([
  ["Node", "18.20.8", "24"],
  ["Node", "23.11.1", "24"],
  ["Bun", "1.4.4", "1.4.5"],
  ["Bun", "1.3.20", "1.4.5"],
  ["Deno", "2.8.9", "2.9"],
  ["Deno", "1.46.3", "2.9"],
] as const)("%s %s is refused with both versions in the error (O37)", (runtime, version, oldest) => {
  expect(() => requireVersion(runtime, version)).toThrow(`${runtime} ${oldest} `);
  expect(() => requireVersion(runtime, version)).toThrow(version);
});
