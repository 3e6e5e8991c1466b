import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { BrokenPromise } from "../unit/runtime/sync/broken-promise.ts";
import type { EngineModule } from "../unit/runtime/sync/harness.ts";
import { mutants } from "../unit/runtime/sync/mutants.ts";
import { type Edit, mutate } from "../unit/runtime/sync/mutate.ts";
import { runSchedule, schedules } from "../unit/runtime/sync/schedules.ts";

const source = fileURLToPath(new URL("../../runtime/sync", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "millrace-mutants-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A copy of the engine with the edits made. */
async function mutated(edits: readonly Edit[], index: number): Promise<EngineModule> {
  const copy = join(folder, String(index), "sync");
  cpSync(source, copy, { recursive: true });
  cpSync(join(source, "../lib"), join(copy, "../lib"), { recursive: true });
  for (const edit of edits) {
    const path = join(copy, `${edit.file}.ts`);
    writeFileSync(path, mutate(readFileSync(path, "utf8"), edit));
  }
  return import(/* @vite-ignore */ pathToFileURL(join(copy, "index.ts")).href);
}

test.for(mutants.map((mutant, index) => ({ ...mutant, index })))(
  "the schedules catch: $name",
  { timeout: 120_000 },
  async ({ edits, breaks, index }) => {
    const engineModule = await mutated(edits, index);
    const broken = new Set<string>();
    const property = fc.asyncProperty(schedules, async (schedule) => {
      try {
        await runSchedule(engineModule, schedule);
      } catch (error) {
        if (!(error instanceof BrokenPromise)) throw error;
        broken.add(error.promise);
        if (breaks === null || breaks.includes(error.promise)) throw error;
      }
    });
    const details = await fc.check(property, { seed: 2, numRuns: 20_000, endOnFailure: true });
    expect(details.failed, `the schedules broke only ${JSON.stringify([...broken])}`).toBe(true);
  },
);
