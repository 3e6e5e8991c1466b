/**
 * The contract suites on a real Deno KV, in a file.
 * @module
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { denoKvSuites } from "../contract/deno-kv.ts";
import { root, runtimes } from "../support/spawn.ts";

const TIMEOUT_MS = 280_000;
const cases = Object.entries(denoKvSuites).flatMap(([suite, list]) =>
  list.map(({ name }) => ({ suite, name })),
);

async function run(...args: string[]): Promise<string> {
  const [command, ...first] = runtimes.deno;
  const script = join(root, "test/contract/deno-kv-run.ts");
  const { stdout } = await promisify(execFile)(command, [...first, script, ...args], { timeout: TIMEOUT_MS });
  return stdout;
}

describe("contract suites on deno", () => {
  let results: { suite: string; name: string; fault: string | null }[] = [];

  beforeAll(async () => {
    results = JSON.parse(await run());
  }, TIMEOUT_MS);

  test.each(cases)("$suite $name", ({ suite, name }) => {
    const result = results.find((one) => one.suite === suite && one.name === name);
    expect(result).toEqual({ suite, name, fault: null });
  });
});

test(
  "two processes that count in one file of Deno KV lose nothing",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-"));
    try {
      const counts = await Promise.all([1, 2].map(() => run("count", join(folder, "counter.kv"), "60")));
      expect(Math.max(...counts.map(Number))).toBe(120);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  TIMEOUT_MS,
);
