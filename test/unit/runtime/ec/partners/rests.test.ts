import { expect, test } from "vitest";
import { createRests, REST_MS } from "../../../../../runtime/ec/partners/rests.ts";
import { createHotPath } from "../../../../../wasm/hotpath.ts";
import { inlineKernels } from "../../../../../wasm/inline.ts";
import { manualClock } from "../../../../support/manual-clock.ts";

function rests() {
  const clock = manualClock();
  const random = { fill: (target: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(target) };
  const hotPath = createHotPath(inlineKernels(), { random, maxKeys: 100 });
  const state = { basis: {} };
  return { clock, state, rests: createRests(hotPath, clock, () => state.basis) };
}

test("a rest ends in time, to the millisecond, and never lasts longer than the longest", () => {
  const { clock, rests: all } = rests();
  all.begin("short", 1200);
  all.begin("long", 60_000);
  expect([all.has("short"), all.has("long"), all.has("nobody")]).toEqual([true, true, false]);
  clock.advance(1199);
  expect(all.has("short")).toBe(true);
  clock.advance(1);
  expect(all.has("short")).toBe(false);
  clock.advance(REST_MS - 1201);
  expect(all.has("long")).toBe(true);
  clock.advance(1);
  expect(all.has("long")).toBe(false);
});

test("no time is no rest, and a rest can be ended", () => {
  const { rests: all } = rests();
  all.begin("a", 0);
  all.begin("b", -5);
  all.begin("c", 1000);
  all.end("c");
  expect([all.has("a"), all.has("b"), all.has("c")]).toEqual([false, false, false]);
});

test("nobody rests once what they rest upon is another", () => {
  const { state, rests: all } = rests();
  all.begin("a", 1000);
  state.basis = {};
  expect(all.has("a")).toBe(false);
  all.begin("a", 1000);
  expect(all.has("a")).toBe(true);
});
