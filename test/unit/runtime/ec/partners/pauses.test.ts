import { expect, test } from "vitest";
import { createPauses, PAUSE_MS } from "../../../../../runtime/ec/partners/pauses.ts";
import { createHotPath } from "../../../../../wasm/hotpath.ts";
import { inlineKernels } from "../../../../../wasm/inline.ts";
import { manualClock } from "../../../../support/manual-clock.ts";

function pauses() {
  const clock = manualClock();
  const random = { fill: (target: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(target) };
  const hotPath = createHotPath(inlineKernels(), { random, maxKeys: 100 });
  const state = { basis: {} };
  return { clock, state, pauses: createPauses(hotPath, clock, () => state.basis) };
}

test("a pause ends after its time, to the millisecond, and lasts at most PAUSE_MS", () => {
  const { clock, pauses: all } = pauses();
  all.begin("short", 1200);
  all.begin("long", 60_000);
  expect([all.has("short"), all.has("long"), all.has("unknown")]).toEqual([true, true, false]);
  clock.advance(1199);
  expect(all.has("short")).toBe(true);
  clock.advance(1);
  expect(all.has("short")).toBe(false);
  clock.advance(PAUSE_MS - 1201);
  expect(all.has("long")).toBe(true);
  clock.advance(1);
  expect(all.has("long")).toBe(false);
});

test("begin with 0 or less starts no pause, and end ends one", () => {
  const { pauses: all } = pauses();
  all.begin("a", 0);
  all.begin("b", -5);
  all.begin("c", 1000);
  all.end("c");
  expect([all.has("a"), all.has("b"), all.has("c")]).toEqual([false, false, false]);
});

test("all pauses end when the basis changes", () => {
  const { state, pauses: all } = pauses();
  all.begin("a", 1000);
  state.basis = {};
  expect(all.has("a")).toBe(false);
  all.begin("a", 1000);
  expect(all.has("a")).toBe(true);
});
