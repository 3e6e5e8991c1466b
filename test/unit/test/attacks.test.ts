import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../support/spawn.ts";

/** Rows of the list of attacks and faults. */
const ROWS = 73;
/** The rules that a title names at its end, such as `(R49, T16)`. */
const NAMED = /\(([^()]*\bT\d+[^()]*)\)/g;
const NUMBER = /\bT(\d+)(?: to T(\d+))?\b/g;

/** The rows that the titles of a file's tests name. */
function rowsIn(file: string): number[] {
  const text = readFileSync(file, "utf8");
  // Titles are strings; comments may tell of a row without testing it.
  const strings =
    text.replace(/^\s*(?:\/\/|\*|\/\*).*$/gm, "").match(/"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g) ?? [];
  return strings.flatMap((title) =>
    [...title.matchAll(NAMED)].flatMap(([, rules = ""]) =>
      [...rules.matchAll(NUMBER)].flatMap(([, first, last = first]) =>
        Array.from({ length: Number(last) - Number(first) + 1 }, (_, n) => Number(first) + n),
      ),
    ),
  );
}

test("each row of the list of attacks and faults is named by the title of a test (V9, T1 to T73)", () => {
  const tests = join(root, "test");
  const files = ["contract", "fuzz", "runtimes", "unit"].flatMap((folder) =>
    (readdirSync(join(tests, folder), { recursive: true }) as string[])
      .filter((name) => name.endsWith(".test.ts") && name !== join("test", "attacks.test.ts"))
      .map((name) => join(tests, folder, name)),
  );
  const named = new Set(files.flatMap(rowsIn));
  const missing = Array.from({ length: ROWS }, (_, n) => n + 1).filter((row) => !named.has(row));
  expect(missing.map((row) => `T${row}`)).toEqual([]);
  expect(Math.max(...named)).toBeLessThanOrEqual(ROWS);
});
