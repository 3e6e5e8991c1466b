import fc from "fast-check";
import { expect, test } from "vitest";
import type { Move } from "../../../../../runtime/grasp/release/alignment.ts";
import { moveTo } from "../../../../../runtime/grasp/release/alignment.ts";
import { lookPlan, releasePlan } from "../../../../../runtime/grasp/release/intent.ts";
import { movesUnderWay, refsBefore } from "../../../../../runtime/grasp/replica/refs-before.ts";

const OWNER = "0".repeat(64);
const move = (part: Partial<Move> = {}): Move => ({
  owner: OWNER,
  identifier: "repo",
  updates: [],
  head: null,
  ...part,
});

test("only moves of this repository's releases count, in the order of their intents", () => {
  const [first, second] = [move({ head: { old: "a", new: "b" } }), move({ head: { old: "b", new: "c" } })];
  const others = [move({ identifier: "other" }), move({ owner: "1".repeat(64) })];
  const intents = [
    { id: 1, plan: releasePlan({ entries: [], moves: [first, others[0]!] }) },
    { id: 2, plan: lookPlan(["repo"]) },
    { id: 3, plan: releasePlan({ entries: [], moves: [others[1]!, second] }) },
  ];
  expect(movesUnderWay(intents, OWNER, "repo")).toEqual([first, second]);
});

const id = fc.integer({ min: 1, max: 5 }).map((n) => String(n).repeat(40));
// Names that contain each other make two transactions (N9).
const name = fc.constantFrom("a", "a/b", "a/c", "d", "e/f").map((last) => `refs/heads/${last}`);
const refsOf = fc
  .dictionary(name, id, { maxKeys: 4 })
  .map((refs) => new Map(Object.entries(refs)))
  .filter(
    (refs) => ![...refs.keys()].some((one) => [...refs.keys()].some((other) => other.startsWith(`${one}/`))),
  );
const head = fc.constantFrom("refs/heads/a", "refs/heads/d");

test("whichever refs of a move have moved, the refs of before are shown (N9, N13)", () => {
  const some = fc.array(fc.boolean(), { minLength: 12, maxLength: 12 });
  fc.assert(
    fc.property(refsOf, refsOf, head, head, some, (before, after, from, to, moved) => {
      const { updates, head: turned } = moveTo({ refs: after, head: to }, { refs: before, head: from });
      const onDisk = new Map(before);
      for (const [n, { ref, new: value }] of updates.flat().entries()) {
        if (!moved[n]) continue;
        if (/^0+$/.test(value)) onDisk.delete(ref);
        else onDisk.set(ref, value);
      }
      const headOnDisk = turned !== null && moved.at(-1) ? turned.new : from;
      const moves = [move({ updates, head: turned })];
      const shown = refsBefore({ refs: onDisk, head: headOnDisk }, moves);
      expect(new Map([...shown.refs].sort())).toEqual(new Map([...before].sort()));
      expect(shown.head).toBe(from);
    }),
  );
});

test("two moves of the same ref are taken back to the value before the first", () => {
  const [one, two, three] = ["1".repeat(40), "2".repeat(40), "3".repeat(40)];
  const ref = "refs/heads/main";
  const moves = [
    move({ updates: [[{ ref, old: one, new: two }]] }),
    move({ updates: [[{ ref, old: two, new: three }]] }),
  ];
  expect(refsBefore({ refs: new Map([[ref, three]]), head: ref }, moves).refs).toEqual(new Map([[ref, one]]));
});

test("a ref that moved on since an intent that could not be ended is shown as it is", () => {
  const [one, two, three] = ["1".repeat(40), "2".repeat(40), "3".repeat(40)];
  const ref = "refs/heads/main";
  const moves = [
    move({ updates: [[{ ref, old: one, new: two }]], head: { old: "refs/heads/a", new: "refs/heads/b" } }),
  ];
  const now = { refs: new Map([[ref, three]]), head: "refs/heads/c" };
  expect(refsBefore(now, moves)).toEqual(now);
});
