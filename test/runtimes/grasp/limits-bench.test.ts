/**
 * `npm run bench:limits` with tiny sizes: that it measures everything, not how fast it is.
 * @module
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { QUICK } from "../../bench/limits/limit.ts";
import { LIMITS, limitsTable, measureLimits } from "../../bench/limits/limits.ts";

test("the bench of limits measures all of them, answers every clone, and leaves nothing behind", async () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-limits-test-"));
  try {
    const measured = await measureLimits({ sizes: QUICK, main: "worker/cli/main.ts", folder, say() {} });
    const { figures, missing } = measured;
    for (const [name, reason] of Object.entries(missing)) console.log(`left out: ${name}: ${reason}`);
    // Only native code may be missing, on a machine that cannot compile it.
    const mayMiss = process.env.CI ? [] : ["signatures"];
    expect(Object.keys(missing).filter((name) => !mayMiss.includes(name))).toEqual([]);
    const expected = LIMITS.map(({ name }) => name).filter((name) => missing[name] === undefined);
    expect(Object.keys(figures)).toEqual(expected);
    const all = Object.values(figures).flat();
    expect(all.filter(({ value }) => !Number.isFinite(value))).toEqual([]);
    const storm = figures["clone storm"]!;
    const valuesOf = (end: string) =>
      storm.filter(({ name }) => name.endsWith(end)).map(({ value }) => value);
    expect(valuesOf("other failures")).toEqual([0, 0, 0]);
    expect(valuesOf("as many as were seen").every((processes) => processes <= 64)).toBe(true);
    expect(limitsTable(measured).split("\n").length).toBe(2 + all.length + Object.keys(missing).length);
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 300_000);
