/** `npm test` runs the random lives against each mutant, for minutes. That each finds its place in the source is seen at once. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { root } from "../../../../support/spawn.ts";
import { mutate } from "../../sync/mutate.ts";
import { mutants } from "./mutants.ts";

test.each(mutants)("a mutant finds its place in the source: $name", ({ edits }) => {
  for (const edit of edits)
    mutate(readFileSync(join(root, "runtime/grasp", `${edit.file}.ts`), "utf8"), edit);
});
