import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { foldsNames } from "../../../../../worker/grasp/start/folds-names.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-folds-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file system of which only the names of files are looked at. */
const where = (isSame: (name: string) => string) => (path: string) => {
  const [there] = readdirSync(join(path, ".."));
  return isSame(there!) === isSame(basename(path));
};

test("what the file system says of other spellings decides, and nothing is left behind (R27, A46)", () => {
  expect([
    foldsNames(
      folder,
      where((name) => name),
    ),
    foldsNames(
      folder,
      where((name) => name.toLowerCase()),
    ),
    foldsNames(
      folder,
      where((name) => name.normalize("NFC")),
    ),
  ]).toEqual([false, true, true]);
  expect(typeof foldsNames(folder)).toBe("boolean");
  expect(readdirSync(folder)).toEqual([]);
});
