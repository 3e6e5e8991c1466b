import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { root } from "../../support/spawn.ts";

/**
 * About one and a half times the bytes that each kind of request takes on Node 24; where none of the code has been
 * compiled, on a machine that is busy, it is at most 1.45 times of it.
 */
const MOST_BYTES = {
  returning: 2500,
  "no consent": 2500,
  "no jurisdiction": 2100,
  new: 24_000,
  "/identify with 20 partners": 42_000,
};

let bytes: Record<string, number>;

beforeAll(() => {
  const script = fileURLToPath(new URL("allocations.ts", import.meta.url));
  const args = ["--expose-gc", "--max-semi-space-size=512", "--min-semi-space-size=512", script];
  const output = execFileSync(process.execPath, args, { cwd: root, encoding: "utf8", timeout: 20_000 });
  bytes = JSON.parse(output);
});

test.each(Object.entries(MOST_BYTES))("%s: a request allocates no more than it has to", (kind, most) => {
  expect(bytes[kind], `bytes of heap for each request, ${kind}`).toBeLessThan(most);
  // A measure that always says nothing would not notice anything.
  expect(bytes[kind], `bytes of heap for each request, ${kind}`).toBeGreaterThan(most / 10);
});

test("every kind that is measured has its bound", () => {
  expect(Object.keys(bytes)).toEqual(Object.keys(MOST_BYTES));
});
