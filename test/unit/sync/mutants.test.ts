import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { BrokenPromise } from "./invariants.ts";
import { runSchedule, schedules } from "./schedules.ts";
import type { Code } from "./stage.ts";

/** One guard taken away: which file, what stands there, what stands there instead. */
interface Mutant {
  name: string;
  edits: [file: string, from: string, to: string][];
  /** The promise that is then broken. */
  breaks: RegExp;
}

const mutants: Mutant[] = [
  {
    name: "capacity is counted when the fetch begins, not when the source is chosen",
    edits: [
      ["throttle.ts", "    domain.slots++;\n", ""],
      [
        "throttle.ts",
        "    slot.choosing = false;\n",
        "    slot.choosing = false;\n    slot.domain.slots++;\n",
      ],
      ["throttle.ts", "    domain.slots--;\n", "    if (!slot.choosing) domain.slots--;\n"],
    ],
    breaks: /never over maxConcurrent/,
  },
];

const source = fileURLToPath(new URL("../../../runtime/sync", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "millrace-mutants-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A copy of the engine with the edits made. */
async function mutated({ edits }: Mutant, index: number): Promise<Code> {
  const copy = join(folder, String(index), "sync");
  cpSync(source, copy, { recursive: true });
  for (const [file, from, to] of edits) {
    const path = join(copy, file);
    const text = readFileSync(path, "utf8");
    expect(text.split(from).length, `"${from}" must stand in ${file} once`).toBe(2);
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
  }
  const load = (file: string) => import(/* @vite-ignore */ pathToFileURL(join(copy, file)).href);
  const [{ SyncEngine }, { RateLimited }, { steadyClock }] = await Promise.all(
    ["engine.ts", "rate-limited.ts", "steady-clock.ts"].map(load),
  );
  return { SyncEngine, RateLimited, steadyClock };
}

test.for(mutants.map((mutant, index) => ({ ...mutant, index })))("is caught: $name", async (mutant) => {
  const code = await mutated(mutant, mutant.index);
  const broken: string[] = [];
  const property = fc.asyncProperty(schedules, async (schedule) => {
    try {
      await runSchedule(code, schedule);
    } catch (error) {
      if (!(error instanceof BrokenPromise)) throw error;
      broken.push(error.message);
      if (mutant.breaks.test(error.message)) throw error;
    }
  });
  const details = await fc.check(property, { seed: 1, numRuns: 2_000, endOnFailure: true });
  expect(details.failed, `the schedules found only ${JSON.stringify(broken)}`).toBe(true);
});
