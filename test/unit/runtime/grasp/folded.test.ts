import { expect, test } from "vitest";
import { folded, foldedPair } from "../../../../runtime/grasp/folded.ts";

test.each([
  ["repo", "Repo"],
  ["stra\u00dfe", "STRASSE"],
  ["caf\u00e9", "cafe\u0301"],
  ["\u03c3", "\u03c2"],
])("%s and %s are one name (R27)", (one, other) => {
  expect(folded(one)).toBe(folded(other));
});

test.each([
  [
    ["refs/heads/a", "refs/heads/A"],
    ["refs/heads/a", "refs/heads/A"],
  ],
  // A folder has one spelling, and it is no file.
  [
    ["refs/heads/A/x", "refs/heads/a/y"],
    ["refs/heads/A", "refs/heads/a"],
  ],
  [
    ["refs/heads/A", "refs/heads/a/y"],
    ["refs/heads/A", "refs/heads/a"],
  ],
  [["refs/heads/a/x", "refs/heads/a/y", "refs/tags/A"], null],
])("of %j the pair %j folds to one (A46)", (names, pair) => {
  expect(foldedPair(names)).toEqual(pair);
});
