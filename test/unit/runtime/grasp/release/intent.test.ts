import { expect, test } from "vitest";
import type { GitRepository, RefUpdate } from "../../../../../runtime/grasp/ports.ts";
import { Moving, RefsRefused } from "../../../../../runtime/grasp/release/intent.ts";

const [ZERO, OLD, NEW, OTHER] = ["0", "1", "2", "3"].map((digit) => digit.repeat(40)) as [
  string,
  string,
  string,
  string,
];
const [MAIN, TOPIC] = ["refs/heads/main", "refs/heads/topic"];

/** A repository with some refs. @param transact what the next transaction does, the later ones succeed */
function repository(refs: Map<string, string>, transact: (updates: readonly RefUpdate[]) => boolean) {
  const move = (updates: readonly RefUpdate[]) => {
    for (const { ref, new: to } of updates) to === ZERO ? refs.delete(ref) : refs.set(ref, to);
    return true;
  };
  let next = transact;
  return {
    refs: async () => ({ version: "", refs: new Map(refs), head: MAIN }),
    async updateRefs(updates: readonly RefUpdate[]) {
      const now = next;
      next = move;
      return now(updates);
    },
  } as Partial<GitRepository> as GitRepository;
}

const updates = [
  { ref: MAIN, old: OLD, new: NEW },
  { ref: TOPIC, old: ZERO, new: NEW },
];
const moves = [{ owner: "owner", identifier: "repo", updates: [updates], head: null, backup: null }];

test("a transaction that is cut off after a part is taken back (N14, T65)", async () => {
  const refs = new Map([[MAIN, OLD]]);
  const moving = new Moving(() =>
    repository(refs, () => {
      refs.set(MAIN, NEW);
      throw new Error("Git was killed");
    }),
  );
  await expect(moving.run(moves)).rejects.toThrow("killed");
  expect(refs.get(MAIN)).toBe(NEW);
  await moving.undo();
  expect([...refs]).toEqual([[MAIN, OLD]]);
});

test("a transaction that Git refuses has moved nothing: a ref that is at the new value stays there (N14)", async () => {
  const refs = new Map([
    [MAIN, NEW],
    [TOPIC, OTHER],
  ]);
  const moving = new Moving(() => repository(refs, () => false));
  await expect(moving.run(moves)).rejects.toThrow(RefsRefused);
  await moving.undo();
  expect([...refs]).toEqual([
    [MAIN, NEW],
    [TOPIC, OTHER],
  ]);
});
