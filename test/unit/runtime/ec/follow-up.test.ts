import { expect, test } from "vitest";
import type { Finalization } from "../../../../runtime/ec/finalize.ts";
import { mayPull, mayTouch } from "../../../../runtime/ec/follow-up.ts";

test.each<[Finalization, touch: boolean, pull: boolean]>([
  [{ branch: "returning", id: "a", restoreCookie: false }, true, true],
  [{ branch: "new", id: "a" }, false, true],
  [{ branch: "withdrawal", tombstones: ["a"] }, false, false],
  [{ branch: "denied" }, false, false],
  [{ branch: "erasure" }, false, false],
  [{ branch: "anonymous" }, false, false],
])("%j: touches %s, pulls on organic requests %s", (finalization, touch, pull) => {
  expect(mayTouch(finalization)).toBe(touch);
  expect(mayPull(finalization, true)).toBe(pull);
  expect(mayPull(finalization, false)).toBe(false);
});
