import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { root } from "../../support/spawn.ts";

/**
 * More than the bytes that each kind of request takes on Node 24: by a tenth to two thirds for those that are measured again until
 * their code is compiled, by a fifth or more for the others.
 */
const MOST_BYTES = {
  returning: 2500,
  "no consent": 2500,
  "no jurisdiction": 2300,
  new: 24_000,
  "/identify with 20 partners": 42_000,
};

let bytes: Record<string, number>;

beforeAll(() => {
  const script = fileURLToPath(new URL("allocations.ts", import.meta.url));
  const args = ["--expose-gc", "--max-semi-space-size=512", "--min-semi-space-size=512", script];
  const output = execFileSync(process.execPath, args, { cwd: root, encoding: "utf8", timeout: 50_000 });
  bytes = JSON.parse(output);
});

test.each(Object.entries(MOST_BYTES))("%s: a request allocates no more than its bound", (kind, most) => {
  expect(bytes[kind], `bytes of heap for each request, ${kind}`).toBeLessThan(most);
  // A measurement of almost nothing would be broken.
  expect(bytes[kind], `bytes of heap for each request, ${kind}`).toBeGreaterThan(most / 10);
});

test("every kind that is measured has its bound", () => {
  expect(Object.keys(bytes)).toEqual(Object.keys(MOST_BYTES));
});
