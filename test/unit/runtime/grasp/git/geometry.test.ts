import { expect, test } from "vitest";
import { packsToCombine } from "../../../../../runtime/grasp/git/geometry.ts";
import { mustPrune, UNREACHABLE_SECONDS } from "../../../../../runtime/grasp/git/prune-plan.ts";

const packs = (...objects: number[]) => objects.map((count, n) => ({ name: String(n), objects: count }));

test.each<[string, number[], string[]]>([
  ["no packs", [], []],
  ["one", [5], []],
  ["a progression", [1, 2, 4, 8, 16], []],
  ["fewer than are worth it", [3, 3, 3], []],
  ["equal ones", [3, 3, 3, 3], ["0", "1", "2", "3"]],
  ["a large one stays", [1000, 3, 3, 3, 3], ["1", "2", "3", "4"]],
  ["the sum takes in the next", [20, 3, 3, 3, 3], ["1", "2", "3", "4", "0"]],
  ["a large equal pair takes in all", [1, 2, 500, 500], ["0", "1", "2", "3"]],
])("packs to combine: %s (O22)", (_name, objects, expected) => {
  expect(packsToCombine(packs(...objects))).toEqual(expected);
});

test("after combining, nothing is left to combine, and each object is written a few times only (O22)", () => {
  let now: number[] = [];
  let written = 0;
  let most = 0;
  for (let push = 0; push < 1000; push++) {
    now.push(3);
    const combined = new Set(packsToCombine(packs(...now)));
    if (combined.size > 0) {
      const sum = now.reduce((total, objects, n) => total + (combined.has(String(n)) ? objects : 0), 0);
      written += sum;
      now = [...now.filter((_, n) => !combined.has(String(n))), sum];
      expect(packsToCombine(packs(...now))).toEqual([]);
    }
    most = Math.max(most, now.length);
  }
  expect(most).toBeLessThan(16);
  expect(written / 3000).toBeLessThan(12);
});

test("packs are written again only if something became unreachable or its time is over (O23)", () => {
  const counts = { reachable: 10, packed: 10, loose: 0, unreachableSince: null };
  const now = 10 * UNREACHABLE_SECONDS;
  expect(mustPrune(counts, now)).toBe(false);
  expect(mustPrune({ ...counts, packed: 11 }, now)).toBe(true);
  expect(mustPrune({ ...counts, loose: 1 }, now)).toBe(true);
  expect(mustPrune({ ...counts, unreachableSince: now - UNREACHABLE_SECONDS + 1 }, now)).toBe(false);
  expect(mustPrune({ ...counts, unreachableSince: now - UNREACHABLE_SECONDS }, now)).toBe(true);
});
