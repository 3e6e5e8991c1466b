import { expect, test } from "vitest";
import { isProtected, judgeProtected } from "../../../../../runtime/grasp/policy/protected-policy.ts";
import { event, key, worldOf } from "./world.ts";

const NOBODY = new Set<string>();

test("a protected event needs its author's key on the connection (R12)", () => {
  const one = event(1, key(1), [["-"], ["t", "x"]]);
  const world = worldOf({});
  expect(judgeProtected(one, NOBODY, world)).toMatchObject({ prefix: "auth-required" });
  expect(judgeProtected(one, new Set([key(2)]), world)).toMatchObject({ prefix: "auth-required" });
  expect(judgeProtected(one, new Set([key(2), key(1)]), world)).toBeNull();
  expect(judgeProtected(event(1, key(1), [["t", "-"]]), NOBODY, world)).toBeNull();
});

test.each([6, 16])("a repost of a protected event is refused, by e and by content (kind %i, R12)", (kind) => {
  const one = event(1, key(1), [["-"]]);
  const world = worldOf({ served: [one] });
  expect(isProtected(one)).toBe(true);
  const byId = event(kind, key(2), [["e", one.id]]);
  const byContent = { ...event(kind, key(2), []), content: JSON.stringify(one) };
  for (const repost of [byId, byContent])
    expect(judgeProtected(repost, new Set([key(2)]), world)).toMatchObject({ prefix: "blocked" });
  const other = { ...event(kind, key(2), []), content: "[1, {" };
  expect(judgeProtected(other, NOBODY, world)).toBeNull();
});
