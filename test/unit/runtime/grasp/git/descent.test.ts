import fc from "fast-check";
import { expect, test } from "vitest";
import { judgeDescent, readParents } from "../../../../../runtime/grasp/git/descent.ts";

/** Parents by commit, each with a smaller number. */
const history = fc
  .array(fc.array(fc.nat(), { maxLength: 2 }), { minLength: 2, maxLength: 14 })
  .map((all) => all.map((parents, n) => (n === 0 ? [] : [...new Set(parents.map((one) => one % n))])));

function ancestors(history: readonly (readonly number[])[], tip: number): Set<number> {
  const seen = new Set([tip]);
  for (const one of seen) for (const parent of history[one]!) seen.add(parent);
  return seen;
}

test("a walk of Git over many refs tells the same as one question for each, or that it does not know (N21)", () => {
  const moves = fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(history, moves, (all, pairs) => {
      const size = all.length;
      const asked = pairs.map(([a, b]) => [a % size, b % size] as const).filter(([a, b]) => a !== b);
      const old = new Set(asked.flatMap(([from]) => [...ancestors(all, from)]));
      const walked = new Set(
        asked.flatMap(([, to]) => [...ancestors(all, to)].filter((one) => !old.has(one))),
      );
      const lines = [...walked].map((one) => [one, ...all[one]!].join(" ")).join("\n");
      const judged = judgeDescent(
        asked.map(([from, to]) => ({ old: String(from), new: String(to) })),
        readParents(lines),
        true,
      );
      for (const [index, [from, to]] of asked.entries()) {
        const truth = ancestors(all, to).has(from) ? "descends" : "does_not";
        if (asked.length === 1) expect(judged[index]).toBe(truth);
        else expect(["unknown", truth]).toContain(judged[index]);
      }
    }),
  );
});

test("fast-forwards of any number of refs are known from the walk", () => {
  const moves = Array.from({ length: 1000 }, (_, n) => ({ old: `old ${n}`, new: `new ${n}` }));
  const parents = new Map(moves.map(({ old, new: to }) => [to, [old]]));
  expect(new Set(judgeDescent(moves, parents, true))).toEqual(new Set(["descends"]));
});

test("a walk that was cut off says no to nothing", () => {
  const parents = new Map([["new", ["cut"]]]);
  const move = { old: "old", new: "new" };
  expect(judgeDescent([move], parents, false)).toEqual(["unknown"]);
  expect(judgeDescent([move], parents, true)).toEqual(["does_not"]);
});
