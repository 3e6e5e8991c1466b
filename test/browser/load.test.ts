import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runLoad } from "../load/visitors/load.ts";
import { countErrors, loadTable, writeResults } from "../load/visitors/report.ts";
import { STEPS } from "../load/visitors/visitor.ts";
import { noChromium } from "../support/chromium.ts";

const VISITORS = 2;

test.skipIf(noChromium !== undefined)(
  "visitors' browsers complete each step without a fault, alone and under load",
  async () => {
    const report = await runLoad({ seconds: 1, visitors: VISITORS, connections: 2, log() {} });
    for (const seen of [report.quiet, report.busy]) {
      expect(seen.filter(({ fault }) => fault !== null)).toEqual([]);
      for (const step of STEPS) {
        expect(seen.filter((one) => one.step === step).length).toBeGreaterThanOrEqual(VISITORS);
      }
    }
    expect(report.generator.requests).toBeGreaterThan(0);
    expect(countErrors(report)).toBe(0);
    expect(report.log).toBe("");

    expect(loadTable(report).split("\n")).toHaveLength(2 + STEPS.length + 2);
    const folder = mkdtempSync(join(tmpdir(), "millrace-load-results-"));
    try {
      await writeResults(report, folder);
      expect(JSON.parse(readFileSync(join(folder, "load.json"), "utf8"))).toEqual(report);
      expectChart(readFileSync(join(folder, "load.png")));
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

function expectChart(png: Buffer): void {
  expect(png.subarray(1, 4).toString()).toBe("PNG");
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1720, 920]);
  // An empty chart has a few kilobytes.
  expect(png.byteLength).toBeGreaterThan(20_000);
}
