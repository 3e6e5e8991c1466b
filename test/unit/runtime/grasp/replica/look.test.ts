import { expect, test } from "vitest";
import { isOfOneMoment, isQuiet, type Look } from "../../../../../runtime/grasp/replica/look.ts";

const moment = { data: 1, moves: "", folders: "a" };
const LONG_AGO = 1000;
const NOW = 2000;

test.each<[string, Partial<Look["after"]>, number, { isOfOneMoment: boolean; isQuiet: boolean }]>([
  ["nothing changed", {}, LONG_AGO, { isOfOneMoment: true, isQuiet: true }],
  // A later change could have the same time.
  ["nothing changed since a moment ago", {}, NOW - 5, { isOfOneMoment: true, isQuiet: false }],
  ["a transaction ended", { data: 2 }, LONG_AGO, { isOfOneMoment: true, isQuiet: true }],
  [
    "a transaction ended, and folders changed a moment ago",
    { data: 2 },
    NOW - 5,
    { isOfOneMoment: false, isQuiet: false },
  ],
  [
    "a transaction ended, and folders changed",
    { data: 2, folders: "b" },
    LONG_AGO,
    { isOfOneMoment: false, isQuiet: false },
  ],
  // A move that is under way is taken back, however far it is.
  ["only folders changed", { folders: "b" }, LONG_AGO, { isOfOneMoment: true, isQuiet: false }],
  ["a move began or ended", { data: 2, moves: "[…]" }, LONG_AGO, { isOfOneMoment: false, isQuiet: true }],
])("%s", (_, after, changedMs, expected) => {
  const look = { before: moment, after: { ...moment, ...after }, startedMs: NOW, changedMs };
  expect({ isOfOneMoment: isOfOneMoment(look), isQuiet: isQuiet(look) }).toEqual(expected);
});
