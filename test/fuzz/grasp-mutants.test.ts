import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { BrokenProperty } from "../unit/runtime/grasp/life/broken-property.ts";
import type { GraspModule } from "../unit/runtime/grasp/life/life.ts";
import { mutants } from "../unit/runtime/grasp/life/mutants.ts";
import { runScenes, scenes } from "../unit/runtime/grasp/life/scenes.ts";
import { type Edit, mutate } from "../unit/runtime/sync/mutate.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "millrace-grasp-mutants-"));
afterAll(() => rmSync(folder, { recursive: true }));
// Copies find the packages that the source imports.
symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));

/** A copy of the service with the edits made. */
async function mutated(edits: readonly Edit[], index: number): Promise<GraspModule> {
  const copy = join(folder, String(index), "runtime");
  for (const part of ["grasp", "lib", "platform.ts"]) {
    cpSync(join(root, "runtime", part), join(copy, part), { recursive: true });
  }
  for (const edit of edits) {
    const path = join(copy, "grasp", `${edit.file}.ts`);
    writeFileSync(path, mutate(readFileSync(path, "utf8"), edit));
  }
  return import(/* @vite-ignore */ pathToFileURL(join(copy, "grasp/grasp.ts")).href);
}

for (const [index, { name, edits, breaks }] of mutants.entries()) {
  test(`the random lives catch: ${name}`, { timeout: 600_000 }, async () => {
    const code = await mutated(edits, index);
    const broken = new Set<string>();
    const property = fc.asyncProperty(scenes, async (steps) => {
      try {
        await runScenes(code, steps);
      } catch (error) {
        const promise = error instanceof BrokenProperty ? error.property : String(error);
        broken.add(promise);
        if (breaks === null || (breaks as readonly string[]).includes(promise)) throw error;
      }
    });
    const details = await fc.check(property, { seed: 5, numRuns: 10_000, endOnFailure: true });
    expect(details.failed, `the lives broke only ${JSON.stringify([...broken])}`).toBe(true);
  });
}
