import { describe, expect, test } from "vitest";
import {
  areRefsRight,
  CONNECTIVITY_EVERY_MS,
  looksAtHistory,
  REPAIR_EVERY_MS,
  REPAIR_TICK_MS,
  type RepairResult,
  shareOf,
} from "../../../../runtime/grasp/repair-plan.ts";
import { author } from "../../../support/nostr.ts";

const [A, B] = ["a".repeat(40), "b".repeat(40)];
const MAIN = "refs/heads/main";
const state = { refs: new Map([[MAIN, A]]), head: MAIN };
const snapshot = (refs: Record<string, string>, head = MAIN) => ({
  version: "1",
  refs: new Map(Object.entries(refs)),
  head,
});
const pr = author().sign(1618, [["c", B]]);

describe("a check (S24)", () => {
  test.each([
    ["equal refs", snapshot({ [MAIN]: A }), true],
    ["another value", snapshot({ [MAIN]: B }), false],
    ["a branch too many", snapshot({ [MAIN]: A, "refs/heads/x": B }), false],
    ["a branch too few", snapshot({}), false],
    ["another HEAD", snapshot({ [MAIN]: A }, "refs/heads/x"), false],
    ["hidden refs beside them", snapshot({ [MAIN]: A, "refs/millrace/backup/1/x": B }), true],
  ])("%s", (_, refs, isRight) => expect(areRefsRight(state, [], refs)).toBe(isRight));

  test("a served PR has its ref at its commit", () => {
    const ref = `refs/nostr/${pr.id}`;
    expect(areRefsRight(null, [pr], snapshot({ [ref]: B }))).toBe(true);
    expect(areRefsRight(null, [pr], snapshot({ [ref]: A }))).toBe(false);
    expect(areRefsRight(null, [pr], snapshot({}))).toBe(false);
    // Git has no such object; the PR waits, or is old.
    expect(areRefsRight(null, [author().sign(1618, [["c", "a".repeat(64)]])], snapshot({}))).toBe(true);
  });

  test.each([0, 1, 359, 360, 361, 10_000])(
    "%d repositories are spread over the hour, and all are checked in it",
    (count) => {
      const ticks = REPAIR_EVERY_MS / REPAIR_TICK_MS;
      expect(shareOf(count) * ticks).toBeGreaterThanOrEqual(count);
      expect(shareOf(count)).toBeLessThanOrEqual(count / ticks + 1);
    },
  );

  test("history is looked at once a day, after a restart and after a fault", () => {
    const last: RepairResult = {
      checkedMs: 1000,
      connectivityMs: 1000,
      status: "complete",
      missing: 0,
      missingIds: [],
    };
    expect(looksAtHistory(null, 1000)).toBe(true);
    expect(looksAtHistory(last, 1000 + CONNECTIVITY_EVERY_MS - 1)).toBe(false);
    expect(looksAtHistory(last, 1000 + CONNECTIVITY_EVERY_MS)).toBe(true);
    expect(looksAtHistory({ ...last, status: "incomplete" }, 1001)).toBe(true);
    expect(looksAtHistory({ ...last, status: "failed", connectivityMs: null }, 1001)).toBe(true);
  });
});
